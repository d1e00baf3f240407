// Reads records out of a batch. Runs in the client and in offline checks; record-walk.ts steps through the records.
// Both checksums and every length are verified before the first record is returned, so that damage never reads as data.
import {
  arrivalTimeAt,
  baseSequenceNumberAt,
  checkBatchHeader,
  checkStoredBatch,
  codecAt,
  isEncryptedAt,
  recordBytesAt,
  recordsStartAt,
} from './batch.ts'
import { readU16, readU32, readU48 } from '../bytes.ts'
import { decompress } from './compression.ts'
import { keyIdOf } from './encryption.ts'
import { hashKeyFromBytes, type HashKeyWords } from '../shards/hash-key.ts'
import { MillraceError } from '../millrace-error.ts'
import { NO_HEADERS, readHeaders, type RecordHeaders } from './record-headers.ts'
import { EXPLICIT_HASH_KEY_FLAG, HEADERS_FLAG, RECORD_FIXED_BYTES } from './record-layout.ts'
import { findRecordFault } from './record-walk.ts'

export { BatchBuilder, type BatchIdentity, type BatchMemorySource } from './batch-builder.ts'
export type { RecordHeaders } from './record-headers.ts'
export type { RecordFields } from './record-layout.ts'

/** A stored record. Its text and views are made when they are read. */
export interface StoredRecord {
  readonly sequenceNumber: number
  /** Milliseconds since the epoch, by the broker's clock; never falls within a shard. */
  readonly arrivalTime: number
  /** Milliseconds since the epoch, by the producer's clock; 0 if the producer gave none. */
  readonly timestamp: number
  readonly partitionKey: string
  readonly explicitHashKey: HashKeyWords | undefined
  readonly headers: RecordHeaders
  /** A view on the batch or on its inflated records: copy data that must outlive them. */
  readonly data: Uint8Array
}

/** A record as a view on its batch; getters decode its parts. */
class RecordView implements StoredRecord {
  readonly sequenceNumber: number
  readonly arrivalTime: number
  readonly #bytes: Buffer
  readonly #at: number
  readonly #dataAt: number
  readonly #end: number

  constructor(
    bytes: Buffer,
    place: { at: number; dataAt: number; end: number },
    sequenceNumber: number,
    arrivalTime: number,
  ) {
    this.sequenceNumber = sequenceNumber
    this.arrivalTime = arrivalTime
    this.#bytes = bytes
    this.#at = place.at
    this.#dataAt = place.dataAt
    this.#end = place.end
  }

  get timestamp(): number {
    return timestampAt(this.#bytes, this.#at)
  }

  get partitionKey(): string {
    return partitionKeyAt(this.#bytes, this.#at)
  }

  get explicitHashKey(): HashKeyWords | undefined {
    return explicitHashKeyAt(this.#bytes, this.#at)
  }

  get headers(): RecordHeaders {
    return headersAt(this.#bytes, this.#at)
  }

  get data(): Uint8Array {
    return this.#bytes.subarray(this.#dataAt, this.#end)
  }
}

/** The parts of the record at `at` in `bytes`, which was found valid. */
export function timestampAt(bytes: Buffer, at: number): number {
  return readU48(bytes, at + 7)
}

export function partitionKeyAt(bytes: Buffer, at: number): string {
  return bytes.toString('utf8', at + RECORD_FIXED_BYTES, keyEndAt(bytes, at))
}

export function explicitHashKeyAt(bytes: Buffer, at: number): HashKeyWords | undefined {
  if ((bytes[at + 4]! & EXPLICIT_HASH_KEY_FLAG) === 0) return undefined
  return hashKeyFromBytes(bytes, keyEndAt(bytes, at))
}

/** The values are views on `bytes`. */
export function headersAt(bytes: Buffer, at: number): RecordHeaders {
  const flags = bytes[at + 4]!
  if ((flags & HEADERS_FLAG) === 0) return NO_HEADERS
  return readHeaders(bytes, keyEndAt(bytes, at) + ((flags & EXPLICIT_HASH_KEY_FLAG) === 0 ? 0 : 16))
}

/** Index after the record. */
export function recordEndAt(bytes: Buffer, at: number): number {
  return at + 4 + readU32(bytes, at)
}

function keyEndAt(bytes: Buffer, at: number): number {
  return at + RECORD_FIXED_BYTES + readU16(bytes, at + 5)
}

/**
 * Returns the records of a stored batch from sequence number `from` on, or all. Throws `corruptData` if a checksum is wrong,
 * `malformedBatch` if the checksums are right and the records invalid, `keyUnavailable` if they are encrypted, and
 * `codecUnavailable` if this version of Node cannot inflate them; what `open` throws where it is given. Inflates at most the length in the header, within the limits.
 */
export function readRecords(
  batch: Uint8Array,
  options: { from?: number; open?: BatchOpener | undefined } = {},
): StoredRecord[] {
  const arrivalTime = arrivalTimeAt(batch, 0)
  const records: StoredRecord[] = []
  const visit: StoredRecordVisitor = (sequenceNumber, at, dataAt, end, bytes) => {
    records.push(new RecordView(bytes, { at, dataAt, end }, sequenceNumber, arrivalTime))
  }
  visitRecords(batch, options.from ?? 0, visit, options.open)
  return records
}

/** Called with a record that begins at `at` in `bytes`, and whose data lies from `dataAt` to `end`. */
export type StoredRecordVisitor = (
  sequenceNumber: number,
  at: number,
  dataAt: number,
  end: number,
  bytes: Buffer,
) => void

/** Returns the records of a sound batch, compressed as its header says, and no longer encrypted. */
export type BatchOpener = (batch: Uint8Array) => Uint8Array

/** Opens batches that are not encrypted. Throws `keyUnavailable` for one that is. */
export function openWithoutKeys(batch: Uint8Array): Uint8Array {
  if (!isEncryptedAt(batch, 0)) return batch.subarray(recordsStartAt(batch, 0))
  const message =
    `The records are encrypted with key ${keyIdOf(batch)}, and this reader has no keys: ` +
    'connect with encryption: { keys }, or consume with --encryption-keys.'
  throw new MillraceError('keyUnavailable', message)
}

/**
 * Calls `visit` for each record from sequence number `from` on, and returns the bytes in which they lie. Throws what `readRecords`
 * and `open` throw; if the error is `malformedBatch`, some records may have been visited, and none of them may be used.
 */
export function visitRecords(
  batch: Uint8Array,
  from: number,
  visit: StoredRecordVisitor,
  open: BatchOpener = openWithoutKeys,
): Buffer {
  const damage = checkStoredBatch(batch)
  if (damage !== undefined) throw new MillraceError('corruptData', damage)
  const base = baseSequenceNumberAt(batch, 0)
  const bytes = inflated(batch, open(batch))
  const fault = findRecordFault(batch, bytes, 0, (index, at, dataAt, end) => {
    if (base + index >= from) visit(base + index, at, dataAt, end, bytes)
  })
  if (fault !== undefined) throw new MillraceError('malformedBatch', fault)
  return bytes
}

/**
 * Decodes the records of a batch with valid checksums as a reader would. Returns the `malformedBatch` or `codecUnavailable`
 * error that a reader gets, or undefined if there is none. Encrypted records are not looked at: only readers have the keys.
 */
export function walkRecords(batch: Uint8Array): MillraceError | undefined {
  const fault = checkBatchHeader(batch)
  if (fault !== undefined) return new MillraceError('malformedBatch', fault.message)
  if (isEncryptedAt(batch, 0)) return undefined
  try {
    const message = findRecordFault(batch, inflated(batch, openWithoutKeys(batch)), 0)
    return message === undefined ? undefined : new MillraceError('malformedBatch', message)
  } catch (error) {
    if (MillraceError.is(error)) return error
    throw error
  }
}

/** The bytes of the records, inflated if they are compressed. */
function inflated(batch: Uint8Array, body: Uint8Array): Buffer {
  const bytes = decompress(codecAt(batch, 0), body, recordBytesAt(batch, 0))
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
