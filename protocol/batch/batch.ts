// The header of a batch. The records of a batch travel, are stored and are read together; record-layout.ts has their layout.
// Runs anywhere, pure. Little-endian. Fields marked * are zero when sent and stamped by the broker on append; they lie
// outside the body's checksum, so that stamping changes nothing that the producer's checksum covers.
//
//    0              4    5    6         8             12            16
//    ┌──────────────┬────┬────┬─────────┬─────────────┬─────────────┐
//  0 │ magic "MLR1" │ ver│  0 │    0    │ batchLength │  bodyCrc    │  bodyCrc = crc32(bytes 36 … end)
//    ├──────────────┴────┴────┴─────────┼─────────────┴─────────────┤
// 16 │ baseSequenceNumber*          u64 │ arrivalTime*       u64 ms │
//    ├──────────────┬─────────┬─────────┼─────────────┬─────────────┤
// 32 │  stampCrc*   │ attrib. │  epoch  │ recordCount │ recordBytes │  stampCrc = crc32(bytes 0 … 32)
//    ├──────────────┴─────────┴─────────┼─────────────┴─────────────┤
// 48 │ producerId                   u64 │ firstProducerSequence u64 │
//    ├──────────────────────────────────┴───────────────────────────┤
// 64 │ lowestHashKey, 16 bytes big-endian                           │
//    ├──────────────────────────────────────────────────────────────┤
// 80 │ highestHashKey, 16 bytes big-endian                          │
//    ├──────────────────────────────────────────────────────────────┤
// 96 │ key sample, where compressed or encrypted: up to 4 hash keys, │
//    │ 16 bytes each                                                │
//    ├──────────────────────────────────────────────────────────────┤
//  … │ records, one after the other, compressed as a whole; where   │
//    │ encrypted, in an envelope: see envelope.ts                   │
//    └──────────────────────────────────────────────────────────────┘
//
// ver is the version of this layout, 1. Attributes: bits 0–2 are the codec, bits 3–5 the number of sampled keys, bit 6 says
// that the records are encrypted; the rest is zero. recordBytes is the length of the records uncompressed and not encrypted.
// key-sample.ts says how keys are sampled, and batch-fields.ts describes each field. A producer id is below 2^53 and derived from a secret that only its producer has:
// see producer-identity.ts. A producer id of 0 says that the batch is not idempotent.
import { crc32 } from 'node:zlib'
import { readU16, readU32, readU32BigEndian, readU64, writeU32, writeU64 } from '../bytes.ts'
import { codecs, type Compression } from './compression.ts'
import { findEnvelopeFault } from './envelope.ts'
import { hashKeyFromBytes, type HashKeyWords } from '../shards/hash-key.ts'
import { limits } from '../limits.ts'
import { RECORD_BYTES_MIN } from './record-layout.ts'
import { countOf, nounFor } from '../text/count-text.ts'

export const BATCH_HEADER_BYTES = 96

/** 'MLR1', read little-endian. */
export const BATCH_MAGIC = 0x31524c4d
export const BATCH_VERSION = 1

export const HASH_KEY_BYTES = 16
/** First bit of the number of sampled keys in the attributes. */
export const SAMPLED_KEYS_SHIFT = 3
/** The attribute of a batch whose records are encrypted. */
export const ENCRYPTED_FLAG = 64
/** First bit of the attributes that has no meaning yet. */
const UNKNOWN_ATTRIBUTES_SHIFT = 7

/** First byte of each field of the header. */
export const batchOffsets = {
  magic: 0,
  version: 4,
  reserved: 5,
  batchLength: 8,
  bodyCrc: 12,
  baseSequenceNumber: 16,
  arrivalTime: 24,
  stampCrc: 32,
  attributes: 36,
  producerEpoch: 38,
  recordCount: 40,
  recordBytes: 44,
  producerId: 48,
  firstProducerSequence: 56,
  lowestHashKey: 64,
  highestHashKey: 80,
} as const

export interface BatchHeader {
  readonly batchLength: number
  readonly baseSequenceNumber: number
  readonly arrivalTime: number
  readonly codec: Compression
  readonly isEncrypted: boolean
  readonly producerId: number
  readonly producerEpoch: number
  readonly firstProducerSequence: number
  readonly recordCount: number
  /** Length of the records in bytes, uncompressed. */
  readonly recordBytes: number
  readonly lowestHashKey: HashKeyWords
  readonly highestHashKey: HashKeyWords
}

/** Why a batch is refused: its bytes are damaged, or its header or records contradict each other or exceed a limit. */
export interface BatchFault {
  readonly code: 'corruptBatch' | 'invalidBatch'
  readonly message: string
}

// Each function below reads one field in place. The batch begins at `at`; its header must be complete and checked.
export const batchLengthAt = (bytes: Uint8Array, at: number): number =>
  readU32(bytes, at + batchOffsets.batchLength)
export const bodyCrcAt = (bytes: Uint8Array, at: number): number => readU32(bytes, at + batchOffsets.bodyCrc)
export const baseSequenceNumberAt = (bytes: Uint8Array, at: number): number =>
  readU64(bytes, at + batchOffsets.baseSequenceNumber)
export const arrivalTimeAt = (bytes: Uint8Array, at: number): number =>
  readU64(bytes, at + batchOffsets.arrivalTime)
export const producerEpochAt = (bytes: Uint8Array, at: number): number =>
  readU16(bytes, at + batchOffsets.producerEpoch)
export const recordCountAt = (bytes: Uint8Array, at: number): number =>
  readU32(bytes, at + batchOffsets.recordCount)
export const recordBytesAt = (bytes: Uint8Array, at: number): number =>
  readU32(bytes, at + batchOffsets.recordBytes)
export const producerIdAt = (bytes: Uint8Array, at: number): number =>
  readU64(bytes, at + batchOffsets.producerId)
export const firstProducerSequenceAt = (bytes: Uint8Array, at: number): number =>
  readU64(bytes, at + batchOffsets.firstProducerSequence)

/** The codec of a checked batch. */
export function codecAt(bytes: Uint8Array, at: number): Compression {
  return codecs[bytes[at + batchOffsets.attributes]! & 7] ?? 'none'
}

/** The number of keys in the key sample of a checked batch. */
function sampledKeyCountAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + batchOffsets.attributes]! >>> SAMPLED_KEYS_SHIFT) & 7
}

/** Whether the records of a checked batch are encrypted. */
export function isEncryptedAt(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + batchOffsets.attributes]! & ENCRYPTED_FLAG) !== 0
}

/** Whether the records of a checked batch lie open: neither compressed nor encrypted. */
export function hasPlainRecordsAt(bytes: Uint8Array, at: number): boolean {
  return codecAt(bytes, at) === 'none' && !isEncryptedAt(bytes, at)
}

/** The first byte of the records of a checked batch, compressed or not, or of their envelope. */
export function recordsStartAt(bytes: Uint8Array, at: number): number {
  return at + BATCH_HEADER_BYTES + sampledKeyCountAt(bytes, at) * HASH_KEY_BYTES
}

/** The key sample of a checked batch; each key stands for the same number of bytes. */
export function sampledKeysOf(bytes: Uint8Array): HashKeyWords[] {
  return Array.from({ length: sampledKeyCountAt(bytes, 0) }, (_, i) =>
    hashKeyFromBytes(bytes, BATCH_HEADER_BYTES + i * HASH_KEY_BYTES),
  )
}

/** Reads all fields of a checked header. */
export function readBatchHeader(bytes: Uint8Array, at = 0): BatchHeader {
  return {
    batchLength: batchLengthAt(bytes, at),
    baseSequenceNumber: baseSequenceNumberAt(bytes, at),
    arrivalTime: arrivalTimeAt(bytes, at),
    codec: codecAt(bytes, at),
    isEncrypted: isEncryptedAt(bytes, at),
    producerId: producerIdAt(bytes, at),
    producerEpoch: producerEpochAt(bytes, at),
    firstProducerSequence: firstProducerSequenceAt(bytes, at),
    recordCount: recordCountAt(bytes, at),
    recordBytes: recordBytesAt(bytes, at),
    lowestHashKey: hashKeyFromBytes(bytes, at + batchOffsets.lowestHashKey),
    highestHashKey: hashKeyFromBytes(bytes, at + batchOffsets.highestHashKey),
  }
}

/** Checks the header and the body's checksum. record-walk.ts checks the records inside. Undefined if the batch is sound. */
export function checkBatch(bytes: Uint8Array): BatchFault | undefined {
  const fault = checkBatchHeader(bytes)
  if (fault !== undefined) return fault
  if (bodyCrcOf(bytes) === readU32(bytes, batchOffsets.bodyCrc)) return undefined
  return { code: 'corruptBatch', message: "The batch's bytes do not match its checksum: send it again." }
}

/** Checks the header's structure and limits only, in O(1). `bytes` must be exactly one batch. */
export function checkBatchHeader(bytes: Uint8Array): BatchFault | undefined {
  const message = findHeaderFault(bytes)
  return message === undefined ? undefined : { code: 'invalidBatch', message }
}

function findHeaderFault(bytes: Uint8Array): string | undefined {
  if (bytes.length < BATCH_HEADER_BYTES) {
    return `A batch has at least ${BATCH_HEADER_BYTES} bytes; these are ${bytes.length}.`
  }
  if (readU32(bytes, batchOffsets.magic) !== BATCH_MAGIC)
    return 'The bytes are no batch: they do not begin with MLR1.'
  const version = bytes[batchOffsets.version]!
  if (version !== BATCH_VERSION)
    return `The batch has version ${version}; this broker knows ${BATCH_VERSION}.`
  const length = batchLengthAt(bytes, 0)
  if (length !== bytes.length)
    return `The batch says it has ${countOf(length, 'byte')}; it has ${bytes.length}.`
  if (length > limits.batchBytesMax)
    return `The batch has ${length} bytes; the limit is ${limits.batchBytesMax}.`
  const reserved =
    bytes[5]! | bytes[6]! | bytes[7]! | (readU16(bytes, batchOffsets.attributes) >>> UNKNOWN_ATTRIBUTES_SHIFT)
  const codec = codecs[bytes[batchOffsets.attributes]! & 7]
  if (reserved !== 0 || codec === undefined)
    return 'The batch uses an attribute that this version does not know.'
  return (
    findCountFault(bytes) ?? findNumberFault(bytes) ?? findSampleFault(bytes) ?? findEncryptionFault(bytes)
  )
}

function findCountFault(bytes: Uint8Array): string | undefined {
  const count = recordCountAt(bytes, 0)
  if (count < 1 || count > limits.batchRecordsMax) {
    return `The batch says it has ${count} records; it must have 1 to ${limits.batchRecordsMax}.`
  }
  const length = recordBytesAt(bytes, 0)
  const max = limits.batchBytesMax - BATCH_HEADER_BYTES
  if (length > max) return `The batch's records have ${length} bytes uncompressed; the limit is ${max}.`
  if (length < count * RECORD_BYTES_MIN)
    return `${countOf(count, 'record')} ${nounFor(count, 'does', 'do')} not fit into ${countOf(length, 'byte')}.`
  if (hasPlainRecordsAt(bytes, 0) && length !== bytes.length - BATCH_HEADER_BYTES) {
    return `The batch says its records have ${countOf(length, 'byte')}; they have ${bytes.length - BATCH_HEADER_BYTES}.`
  }
  return undefined
}

function findNumberFault(bytes: Uint8Array): string | undefined {
  if (!Number.isSafeInteger(producerIdAt(bytes, 0))) return 'The producer id must be below 2^53.'
  if (!Number.isSafeInteger(firstProducerSequenceAt(bytes, 0) + recordCountAt(bytes, 0))) {
    return 'The producer sequence must stay below 2^53.'
  }
  const { lowestHashKey, highestHashKey } = batchOffsets
  for (let i = 0; i < 16; i += 4) {
    const low = readU32BigEndian(bytes, lowestHashKey + i)
    const high = readU32BigEndian(bytes, highestHashKey + i)
    if (low > high) return "The batch's lowest hash key is above its highest."
    if (low < high) break
  }
  return undefined
}

/** The broker trusts the sample without seeing the records, so its keys must at least lie within the header's bounds. */
function findSampleFault(bytes: Uint8Array): string | undefined {
  const count = sampledKeyCountAt(bytes, 0)
  if (count === 0) return undefined
  if (hasPlainRecordsAt(bytes, 0)) {
    return 'A batch has a sample of its keys only where its records are compressed or encrypted.'
  }
  const max = limits.batchSampledKeysMax
  if (count > max) return `The batch says it has a sample of ${count} keys; the limit is ${max}.`
  if (recordsStartAt(bytes, 0) > bytes.length) return `A sample of ${count} keys does not fit into the batch.`
  const { lowestHashKey, highestHashKey } = batchOffsets
  const isWithin = (key: HashKeyWords) =>
    compareAt(bytes, lowestHashKey, key) <= 0 && compareAt(bytes, highestHashKey, key) >= 0
  return sampledKeysOf(bytes).every(isWithin)
    ? undefined
    : "A key of the batch's sample lies outside the batch's lowest and highest hash key."
}

/** The lengths in the envelope. What is encrypted is for readers to find right. */
function findEncryptionFault(bytes: Uint8Array): string | undefined {
  if (!isEncryptedAt(bytes, 0)) return undefined
  const contentBytes = codecAt(bytes, 0) === 'none' ? recordBytesAt(bytes, 0) : undefined
  return findEnvelopeFault(bytes, recordsStartAt(bytes, 0), contentBytes)
}

/** Returns true if all records of a checked batch lie in the range, both ends included. O(1): uses the header's bounds. */
export function batchWithin(bytes: Uint8Array, start: HashKeyWords, end: HashKeyWords): boolean {
  return (
    compareAt(bytes, batchOffsets.lowestHashKey, start) >= 0 &&
    compareAt(bytes, batchOffsets.highestHashKey, end) <= 0
  )
}

/** Returns the lowest and the highest hash key of its records, by its header. */
export function batchHashKeys(bytes: Uint8Array): {
  readonly start: HashKeyWords
  readonly end: HashKeyWords
} {
  return {
    start: hashKeyFromBytes(bytes, batchOffsets.lowestHashKey),
    end: hashKeyFromBytes(bytes, batchOffsets.highestHashKey),
  }
}

/** Returns false if no record of a checked batch can have the hash key, by the header's bounds. O(1). */
export function batchMayHold(bytes: Uint8Array, hashKey: HashKeyWords): boolean {
  return (
    compareAt(bytes, batchOffsets.lowestHashKey, hashKey) <= 0 &&
    compareAt(bytes, batchOffsets.highestHashKey, hashKey) >= 0
  )
}

function compareAt(bytes: Uint8Array, at: number, words: HashKeyWords): number {
  for (let i = 0; i < 4; i++) {
    const word = readU32BigEndian(bytes, at + i * 4)
    if (word !== words[i]!) return word < words[i]! ? -1 : 1
  }
  return 0
}

/** Writes the broker's fields in place: sequence number of the first record, arrival time (ms), and their checksum. */
export function stampBatch(bytes: Uint8Array, baseSequenceNumber: number, arrivalTime: number): void {
  writeU64(bytes, batchOffsets.baseSequenceNumber, baseSequenceNumber)
  writeU64(bytes, batchOffsets.arrivalTime, arrivalTime)
  writeU32(bytes, batchOffsets.stampCrc, stampCrcOf(bytes))
}

/** Returns a sentence that says what is wrong with a batch from storage, or undefined if the batch is sound. */
export function checkStoredBatch(bytes: Uint8Array, expectedBase?: number): string | undefined {
  const fault = checkBatch(bytes)
  if (fault !== undefined) return fault.message
  if (stampCrcOf(bytes) !== readU32(bytes, batchOffsets.stampCrc)) {
    return 'The sequence number and arrival time do not match their checksum.'
  }
  const base = baseSequenceNumberAt(bytes, 0)
  if (!Number.isSafeInteger(base + recordCountAt(bytes, 0)))
    return `Sequence number ${base} is not below 2^53.`
  if (expectedBase !== undefined && base !== expectedBase) {
    return `The batch is stored under sequence number ${expectedBase} and says ${base}.`
  }
  return undefined
}

/** The checksum of the bytes that the producer writes. */
export function bodyCrcOf(bytes: Uint8Array): number {
  return crc32(bytes.subarray(batchOffsets.attributes))
}

function stampCrcOf(bytes: Uint8Array): number {
  return crc32(bytes.subarray(0, batchOffsets.stampCrc))
}
