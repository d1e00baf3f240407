// Steps through the records of a batch and says what is wrong with them. Runs in the client, on owner threads, and in
// offline checks, pure. All of them use this walk, so that the broker and readers accept the same batches.
import {
  BATCH_HEADER_BYTES,
  batchOffsets,
  checkBatch,
  hasPlainRecordsAt,
  recordCountAt,
  type BatchFault,
} from './batch.ts'
import { readU16, readU32 } from '../bytes.ts'
import {
  dataStartOf,
  EXPLICIT_HASH_KEY_FLAG,
  RECORD_BYTES_MIN,
  RECORD_FIXED_BYTES,
  recordFaults,
} from './record-layout.ts'
import { countOf, nounFor } from '../text/count-text.ts'

/** Called for each record with its index in the batch, and the indexes where the record, its data and its end lie. */
export type RecordVisitor = (index: number, at: number, dataAt: number, end: number) => void

/**
 * Checks what an owner requires of a batch before storing it: a valid header, a body that matches its checksum, and records
 * that every reader can decode. Compressed records are not checked, since the broker never inflates; nor are encrypted ones, for
 * which it has no key.
 */
export function checkSentBatch(batch: Uint8Array): BatchFault | undefined {
  const fault = checkBatch(batch)
  if (fault !== undefined || !hasPlainRecordsAt(batch, 0)) return fault
  const message = findRecordFault(batch, batch, BATCH_HEADER_BYTES)
  return message === undefined ? undefined : { code: 'invalidBatch', message }
}

/**
 * Steps through the records that begin at `from` in `bytes`, which are the batch itself or its inflated records. Returns a
 * sentence that says what is wrong, or undefined if nothing is. `visit` is called for a record after it is found valid.
 */
export function findRecordFault(
  batch: Uint8Array,
  bytes: Uint8Array,
  from: number,
  visit?: RecordVisitor,
): string | undefined {
  const count = recordCountAt(batch, 0)
  let at = from
  for (let index = 0; index < count; index++) {
    if (at + RECORD_BYTES_MIN > bytes.length) return `The records end before record ${index} of ${count}.`
    const end = at + 4 + readU32(bytes, at)
    if (end > bytes.length) return `Record ${index} of ${count} does not fit into the batch.`
    const dataAt = dataStartOf(bytes, at, end)
    if (dataAt < 0) return `Record ${index} of ${count}: ${recordFaults[-1 - dataAt]}.`
    if ((bytes[at + 4]! & EXPLICIT_HASH_KEY_FLAG) !== 0 && !isWithinBounds(batch, bytes, at)) {
      return `Record ${index} of ${count}: its explicit hash key lies outside the batch's lowest and highest hash key.`
    }
    if (visit !== undefined) visit(index, at, dataAt, end)
    at = end
  }
  return at === bytes.length
    ? undefined
    : `${countOf(bytes.length - at, 'byte')} ${nounFor(bytes.length - at, 'follows', 'follow')} the last of ${countOf(count, 'record')}.`
}

/** Returns true if the explicit hash key of the record at `at` lies within the bounds in the batch's header. */
function isWithinBounds(batch: Uint8Array, bytes: Uint8Array, at: number): boolean {
  const keyAt = at + RECORD_FIXED_BYTES + readU16(bytes, at + 5)
  return (
    compareHashKeyBytes(bytes, keyAt, batch, batchOffsets.lowestHashKey) >= 0 &&
    compareHashKeyBytes(bytes, keyAt, batch, batchOffsets.highestHashKey) <= 0
  )
}

function compareHashKeyBytes(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  for (let i = 0; i < 16; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!
    if (difference !== 0) return difference
  }
  return 0
}
