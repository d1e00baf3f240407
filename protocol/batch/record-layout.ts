// The layout of records in a batch, one after the other. Runs anywhere, pure. Little-endian. The layout is fixed by hand: it
// is several times faster to write and read than a general format, and a reader can step over a record without decoding it.
//
//   ┌────────┬───────┬──────────┬───────────────┬─────┬──────────┬─────────┬──────┐
//   │ length │ flags │ key      │ timestamp     │ key │ explicit │ headers │ data │
//   │ u32    │ u8    │ bytes u16│ u48 ms        │     │ hash key │         │      │
//   └────────┴───────┴──────────┴───────────────┴─────┴──────────┴─────────┴──────┘
//   length     of everything after this field
//   flags      1: has an explicit hash key, 16 bytes big-endian; 2: has headers; the rest is zero
//   timestamp  by the producer's clock; 0 if the producer gave none
//   headers    u8 count, then for each: u8 name length, name in UTF-8, u32 value length, value
import { readU16 } from '../bytes.ts'
import { hashKeyFromBytes, hashPartitionKey, type HashKeyWords } from '../shards/hash-key.ts'
import { limits } from '../limits.ts'
import { headersEndOf, type RecordHeaders } from './record-headers.ts'
import { utf8Length } from '../text/utf8.ts'

/** Bytes before the key: length, flags, key bytes, timestamp. */
export const RECORD_FIXED_BYTES = 13
/** The smallest record: a key of one byte and no data. */
export const RECORD_BYTES_MIN = RECORD_FIXED_BYTES + 1
export const EXPLICIT_HASH_KEY_FLAG = 1
export const HEADERS_FLAG = 2
export const TIMESTAMP_MAX = 2 ** 48 - 1

/** Longest partition key in bytes: UTF-8 takes at most three bytes per UTF-16 unit. */
const KEY_BYTES_MAX = limits.partitionKeyLengthMax * 3

/** A record to be encoded into a batch. */
export interface RecordFields {
  readonly partitionKey: string
  readonly data: Uint8Array
  /** Routes the record instead of the partition key's hash. */
  readonly explicitHashKey?: HashKeyWords | undefined
  /** Milliseconds since the epoch, by the producer's clock. */
  readonly timestamp?: number | undefined
  readonly headers?: RecordHeaders | undefined
}

/** Everything that can be wrong with one record. `dataStartOf` returns which fault it is. */
export const recordFaults = [
  'its parts do not fit into its length',
  'it uses a flag that this version does not know',
  `its partition key is empty, or longer than ${limits.partitionKeyLengthMax} characters`,
  'its partition key is not UTF-8',
  `its data and partition key have more than ${limits.recordBytesMax} bytes`,
  'its headers do not fit into its length',
  `it has more than ${limits.recordHeadersMax} headers`,
  'the name of one of its headers is empty or not UTF-8',
  'two of its headers have one name',
  `one of its headers has more than ${limits.recordHeaderValueBytesMax} bytes`,
] as const

/** The negative number that `dataStartOf` returns for a fault. */
const asResult = (fault: (typeof recordFaults)[number]): number => -1 - recordFaults.indexOf(fault)

const MISFIT = asResult(recordFaults[0])
const UNKNOWN_FLAG = asResult(recordFaults[1])
const KEY_LENGTH = asResult(recordFaults[2])
const KEY_ENCODING = asResult(recordFaults[3])
const RECORD_SIZE = asResult(recordFaults[4])
/** Result for the first fault of headers; the others follow in the order of the results of `headersEndOf`. */
const HEADERS = asResult(recordFaults[5])

/**
 * Returns the index at which the data of the record at `at` begins; the record ends at `end` by its length prefix. Negative
 * if the record is invalid: −1 is the first of `recordFaults`, −2 the second. This function alone decides which records are
 * valid: the broker refuses at append, a reader refuses, and `millrace check` reports exactly what is refused here.
 */
export function dataStartOf(bytes: Uint8Array, at: number, end: number): number {
  const flags = bytes[at + 4]!
  const keyBytes = readU16(bytes, at + 5)
  const keyAt = at + RECORD_FIXED_BYTES
  const keyEnd = keyAt + keyBytes
  if (keyBytes === 0 || keyBytes > KEY_BYTES_MAX) return KEY_LENGTH
  if (keyEnd > end) return MISFIT
  const characters = utf8Length(bytes, keyAt, keyEnd)
  if (characters < 0) return KEY_ENCODING
  if (characters > limits.partitionKeyLengthMax) return KEY_LENGTH
  const dataAt = flags === 0 ? keyEnd : partsEndOf(bytes, flags, keyEnd, end)
  if (dataAt < 0) return dataAt
  return end - dataAt + keyBytes > limits.recordBytesMax ? RECORD_SIZE : dataAt
}

/** Returns the index after the optional parts between key and data, or a negative number as `dataStartOf` does. */
function partsEndOf(bytes: Uint8Array, flags: number, from: number, end: number): number {
  if (flags > (EXPLICIT_HASH_KEY_FLAG | HEADERS_FLAG)) return UNKNOWN_FLAG
  let at = from
  if ((flags & EXPLICIT_HASH_KEY_FLAG) !== 0) at += 16
  if ((flags & HEADERS_FLAG) !== 0) {
    at = headersEndOf(bytes, at, end)
    if (at < 0) return HEADERS + at + 1
  }
  return at > end ? MISFIT : at
}

/** The hash key of the record at `at`, which `dataStartOf` must have found valid. */
export function hashKeyOfRecordAt(bytes: Uint8Array, at: number): HashKeyWords {
  const keyAt = at + RECORD_FIXED_BYTES
  const keyBytes = readU16(bytes, at + 5)
  if ((bytes[at + 4]! & EXPLICIT_HASH_KEY_FLAG) !== 0) return hashKeyFromBytes(bytes, keyAt + keyBytes)
  const words = new Uint32Array(4)
  const key = Buffer.from(bytes.buffer, bytes.byteOffset + keyAt, keyBytes)
  hashPartitionKey(key.toString('utf8'), words, 0)
  return words
}
