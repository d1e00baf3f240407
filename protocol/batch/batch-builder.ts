// Encodes records into a batch, on the producer's side. Runs in the client.
// This is a producer's hot loop: one growing buffer, no allocation per record, ASCII keys written without a call into Node.
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BATCH_VERSION,
  batchOffsets,
  bodyCrcOf,
  HASH_KEY_BYTES,
  SAMPLED_KEYS_SHIFT,
} from './batch.ts'
import { isBytes, writeU16, writeU32, writeU32BigEndian, writeU48, writeU64 } from '../bytes.ts'
import { codecs, compress, type Compression } from './compression.ts'
import { compareHashKeys, type HashKeyWords } from '../shards/hash-key.ts'
import { invariant } from '../invariant.ts'
import { drawHashKeys, sampledKeyCount } from './key-sample.ts'
import { limits } from '../limits.ts'
import { MillraceError } from '../millrace-error.ts'
import { measureHeaders, writeHeaders } from './record-headers.ts'
import {
  EXPLICIT_HASH_KEY_FLAG,
  HEADERS_FLAG,
  RECORD_FIXED_BYTES,
  TIMESTAMP_MAX,
  type RecordFields,
} from './record-layout.ts'
import { checkText } from '../text/text.ts'

const INITIAL_BYTES = 16 * 1024
const NO_BYTES = Buffer.alloc(0)

/** Up to this size a loop copies faster than a call to `Buffer.set`. */
const COPIED_BY_LOOP_BYTES_MAX = 48

export interface BatchIdentity {
  readonly producerId: number
  readonly producerEpoch: number
  readonly firstProducerSequence: number
  /** Codec for the records; it is used only if it makes them smaller. */
  readonly codec?: Compression | undefined
}

/** The header fields of a batch that its records determine. */
interface BatchContent {
  readonly codec: Compression
  readonly sample: readonly HashKeyWords[]
  /** Length of the records in bytes, before compression. */
  readonly recordBytes: number
}

/** A pool that batches take their memory from. */
export interface BatchMemorySource {
  /** Returns memory of at least `bytes` bytes, with arbitrary content. */
  take(bytes: number): Buffer
  /** Takes back memory from `take`, or a part of it. The caller must not use it afterwards. */
  give(memory: Uint8Array): void
}

const freshMemory: BatchMemorySource = { take: (bytes) => Buffer.allocUnsafeSlow(bytes), give: () => {} }

/** Gathers records for one shard into a batch. A builder is used again for the next batch after `finish`. */
export class BatchBuilder {
  readonly #bytesMax: number
  readonly #random: () => number
  readonly #memory: BatchMemorySource
  readonly #recordBytesMax: number
  /** The batch being built; empty between two batches. */
  #buffer: Buffer = NO_BYTES
  /** Expected size of the next batch: the size of the last one. */
  #expectedBytes = INITIAL_BYTES
  #end = BATCH_HEADER_BYTES
  #count = 0
  /** Lowest and highest hash key so far, four words each. */
  readonly #bounds = new Uint32Array(8)

  /**
   * A batch is full at `bytesMax` bytes, header included; only a single larger record may exceed that. `random` returns
   * numbers in [0, 1) and draws the key sample of compressed batches. `reservedBytes` are left free in the largest batch, for
   * what is added to it later. The builder returns all memory that it takes from
   * `memory`, except the memory of finished batches, which their receiver owns.
   */
  constructor(options: {
    bytesMax: number
    random?: () => number
    memory?: BatchMemorySource
    reservedBytes?: number
  }) {
    const batchBytesMax = limits.batchBytesMax - (options.reservedBytes ?? 0)
    this.#random = options.random ?? Math.random
    this.#bytesMax = Math.min(options.bytesMax, batchBytesMax)
    this.#recordBytesMax = batchBytesMax - BATCH_HEADER_BYTES
    this.#memory = options.memory ?? freshMemory
  }

  get recordCount(): number {
    return this.#count
  }

  /** Bytes of the batch so far, header included, before compression. */
  get byteLength(): number {
    return this.#end
  }

  /**
   * Adds a record whose hash key is at `hashKey[hashKeyAt…+3]`; the record's bytes are copied. Returns false if the batch
   * is full: finish it and add the record to the next batch. An empty batch takes any record within the limits. Throws
   * `invalidArgument` for a record above a limit.
   */
  tryAdd(record: RecordFields, hashKey: Uint32Array, hashKeyAt: number): boolean {
    if (this.#count >= limits.batchRecordsMax) return false
    const { partitionKey, data, timestamp = 0, headers, explicitHashKey } = record
    checkRecord(partitionKey, data, timestamp)
    const headerBytes = headers === undefined ? 0 : measureHeaders(headers)
    const hashKeyBytes = explicitHashKey === undefined ? 0 : HASH_KEY_BYTES
    const start = this.#end
    const keyAt = start + RECORD_FIXED_BYTES
    if (
      this.#count > 0 &&
      keyAt + partitionKey.length + hashKeyBytes + headerBytes + data.length > this.#bytesMax
    ) {
      // The batch is full: growing the buffer for one record is not worth it. The record must be valid all the same.
      checkText('The partition key', partitionKey)
      const payloadBytes = Buffer.byteLength(partitionKey) + data.length
      this.#checkSize(payloadBytes, RECORD_FIXED_BYTES + payloadBytes + hashKeyBytes + headerBytes)
      return false
    }
    this.#room(keyAt + partitionKey.length * 3 + hashKeyBytes + headerBytes + data.length)
    const buffer = this.#buffer
    const keyBytes = writeKey(buffer, keyAt, partitionKey)
    const end = keyAt + keyBytes + hashKeyBytes + headerBytes + data.length
    this.#checkSize(keyBytes + data.length, end - start)
    if (end > this.#bytesMax && this.#count > 0) return false

    writeU32(buffer, start, end - start - 4)
    buffer[start + 4] =
      (explicitHashKey === undefined ? 0 : EXPLICIT_HASH_KEY_FLAG) |
      (headers === undefined ? 0 : HEADERS_FLAG)
    writeU16(buffer, start + 5, keyBytes)
    writeU48(buffer, start + 7, timestamp)
    let at = keyAt + keyBytes
    if (explicitHashKey !== undefined) at = writeHashKey(buffer, at, explicitHashKey, 0)
    if (headers !== undefined) at = writeHeaders(buffer, at, headers)
    copy(buffer, at, data)
    this.#end = end
    this.#widen(hashKey, hashKeyAt)
    this.#count++
    return true
  }

  /** Returns the batch, which the caller owns; its memory may be larger. The builder is empty afterwards. */
  finish(identity: BatchIdentity): Uint8Array {
    invariant(this.#count > 0, 'A batch is finished only when it holds a record.')
    invariant(identity.producerEpoch <= 0xffff, 'A producer takes a new id before its epoch passes 16 bits.')
    const records = this.#buffer.subarray(BATCH_HEADER_BYTES, this.#end)
    const batch = this.#compressed(records, identity) ?? this.#uncompressed(records, identity)
    // A single record above `bytesMax` does not predict the size of the next batch.
    this.#expectedBytes = Math.min(Math.max(this.#end, INITIAL_BYTES), this.#bytesMax)
    this.#memory.give(this.#buffer)
    this.#buffer = NO_BYTES
    this.#end = BATCH_HEADER_BYTES
    this.#count = 0
    return batch
  }

  /** Returns the compressed batch, or undefined if the codec does not make it smaller. */
  #compressed(records: Buffer, identity: BatchIdentity): Buffer | undefined {
    const { codec = 'none' } = identity
    if (codec === 'none') return undefined
    const body = compress(codec, records)
    // If all records have the same key, the bounds in the header already tell it, and no sample is needed.
    const hasManyKeys = compareHashKeys(this.#bounds, 0, this.#bounds, 4) !== 0
    const count = hasManyKeys ? sampledKeyCount(body.length) : 0
    if (body.length + count * HASH_KEY_BYTES >= records.length) return undefined
    const sample = drawHashKeys(records, count, this.#random)
    return this.#batch(body, identity, { codec, sample, recordBytes: records.length })
  }

  /** Hands over the buffer itself if the batch fills most of it; otherwise copies the batch out of the buffer. */
  #uncompressed(records: Buffer, identity: BatchIdentity): Buffer {
    const content = { codec: 'none', sample: [], recordBytes: records.length } as const
    if (this.#end * 2 <= this.#buffer.length) return this.#batch(records, identity, content)
    const batch = this.#buffer.subarray(0, this.#end)
    this.#buffer = NO_BYTES
    this.#writeHeader(batch, identity, content)
    return batch
  }

  #batch(body: Uint8Array, identity: BatchIdentity, content: BatchContent): Buffer {
    const bodyAt = BATCH_HEADER_BYTES + content.sample.length * HASH_KEY_BYTES
    const batch = Buffer.allocUnsafeSlow(bodyAt + body.length)
    let at = BATCH_HEADER_BYTES
    for (const key of content.sample) at = writeHashKey(batch, at, key, 0)
    batch.set(body, bodyAt)
    this.#writeHeader(batch, identity, content)
    return batch
  }

  #writeHeader(batch: Buffer, identity: BatchIdentity, content: BatchContent): void {
    const { codec, sample, recordBytes } = content
    batch.fill(0, 0, BATCH_HEADER_BYTES)
    writeU32(batch, batchOffsets.magic, BATCH_MAGIC)
    batch[batchOffsets.version] = BATCH_VERSION
    writeU32(batch, batchOffsets.batchLength, batch.length)
    writeU16(batch, batchOffsets.attributes, codecs.indexOf(codec) | (sample.length << SAMPLED_KEYS_SHIFT))
    writeU16(batch, batchOffsets.producerEpoch, identity.producerEpoch)
    writeU32(batch, batchOffsets.recordCount, this.#count)
    writeU32(batch, batchOffsets.recordBytes, recordBytes)
    writeU64(batch, batchOffsets.producerId, identity.producerId)
    writeU64(batch, batchOffsets.firstProducerSequence, identity.firstProducerSequence)
    writeHashKey(batch, batchOffsets.lowestHashKey, this.#bounds, 0)
    writeHashKey(batch, batchOffsets.highestHashKey, this.#bounds, 4)
    writeU32(batch, batchOffsets.bodyCrc, bodyCrcOf(batch))
  }

  #checkSize(payloadBytes: number, recordBytes: number): void {
    checkSize(payloadBytes, { recordBytes, recordBytesMax: this.#recordBytesMax })
  }

  #widen(hashKey: Uint32Array, at: number): void {
    const bounds = this.#bounds
    if (this.#count === 0 || compareHashKeys(hashKey, at, bounds, 0) < 0) {
      for (let i = 0; i < 4; i++) bounds[i] = hashKey[at + i]!
    }
    if (this.#count === 0 || compareHashKeys(hashKey, at, bounds, 4) > 0) {
      for (let i = 0; i < 4; i++) bounds[4 + i] = hashKey[at + i]!
    }
  }

  #room(end: number): void {
    if (end <= this.#buffer.length) return
    const larger = this.#memory.take(
      Math.max(end, Math.trunc(this.#buffer.length * 1.5), this.#expectedBytes),
    )
    if (this.#buffer.length > 0) {
      this.#buffer.copy(larger, 0, 0, this.#end)
      this.#memory.give(this.#buffer)
    }
    this.#buffer = larger
  }
}

/** Copies a finished batch and gives the copy another identity. Records, codec and key sample stay the same. */
export function renewBatch(batch: Uint8Array, identity: Omit<BatchIdentity, 'codec'>): Uint8Array {
  const renewed = Buffer.allocUnsafeSlow(batch.length)
  renewed.set(batch)
  writeU16(renewed, batchOffsets.producerEpoch, identity.producerEpoch)
  writeU64(renewed, batchOffsets.producerId, identity.producerId)
  writeU64(renewed, batchOffsets.firstProducerSequence, identity.firstProducerSequence)
  writeU32(renewed, batchOffsets.bodyCrc, bodyCrcOf(renewed))
  return renewed
}

function checkRecord(partitionKey: string, data: Uint8Array, timestamp: number): void {
  if (typeof partitionKey !== 'string' || !isBytes(data)) {
    throw new MillraceError(
      'invalidArgument',
      'A record has a partition key, which is a string, and data, which is bytes (a Uint8Array or Buffer).',
    )
  }
  if (partitionKey.length === 0 || partitionKey.length > limits.partitionKeyLengthMax) {
    throw new MillraceError(
      'invalidArgument',
      `A partition key has 1 to ${limits.partitionKeyLengthMax} characters; this one has ${partitionKey.length}: ` +
        'shorten it, or hash it yourself.',
    )
  }
  if (data.length > limits.recordBytesMax) checkSize(data.length, { recordBytes: 0, recordBytesMax: 0 })
  if (!Number.isSafeInteger(timestamp) || timestamp < 0 || timestamp > TIMESTAMP_MAX) {
    throw new MillraceError(
      'invalidArgument',
      `A record's timestamp is whole milliseconds since the epoch, from 0 to ${TIMESTAMP_MAX}; got ${timestamp}.`,
    )
  }
}

function checkSize(payloadBytes: number, framed: { recordBytes: number; recordBytesMax: number }): void {
  const { recordBytes, recordBytesMax } = framed
  if (payloadBytes <= limits.recordBytesMax && recordBytes <= recordBytesMax) return
  throw new MillraceError(
    'invalidArgument',
    payloadBytes > limits.recordBytesMax
      ? `The record's data and partition key have ${payloadBytes} bytes; the limit is ${limits.recordBytesMax}: ` +
          'split the data, or store it elsewhere and append a reference.'
      : `The record with its headers has ${recordBytes} bytes; the limit is ${recordBytesMax}: use smaller headers.`,
  )
}

/** Writes the key as UTF-8 and returns its length in bytes. The buffer must have room for three bytes per character. */
function writeKey(buffer: Buffer, at: number, key: string): number {
  const length = key.length
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(i)
    if (code >= 0x80) {
      checkText('The partition key', key)
      return buffer.write(key, at, 'utf8')
    }
    buffer[at + i] = code
  }
  return length
}

function writeHashKey(buffer: Buffer, at: number, words: Uint32Array, wordsAt: number): number {
  for (let i = 0; i < 4; i++) writeU32BigEndian(buffer, at + i * 4, words[wordsAt + i]!)
  return at + 16
}

function copy(buffer: Buffer, at: number, data: Uint8Array): void {
  if (data.length > COPIED_BY_LOOP_BYTES_MAX) buffer.set(data, at)
  else for (let i = 0; i < data.length; i++) buffer[at + i] = data[i]!
}
