// Steps through the records of a batch and says what is wrong with them. Runs in the client, on owner threads, and in
// offline checks, pure. There is one walk, so that what the broker takes at append and what a reader takes cannot differ.
import {
  BATCH_HEADER_BYTES,
  batchOffsets,
  checkBatch,
  codecAt,
  recordCountAt,
  type BatchFault,
} from './batch.ts'
import { readU16, readU32 } from './bytes.ts'
import {
  dataStartOf,
  EXPLICIT_HASH_KEY_FLAG,
  RECORD_BYTES_MIN,
  RECORD_FIXED_BYTES,
  recordFaults,
} from './record-layout.ts'
import { countOf, nounFor } from './count-text.ts'

/** Called for each record: its place in the batch, and where in the bytes it begins, its data begins, and it ends. */
export type RecordVisitor = (index: number, at: number, dataAt: number, end: number) => void

/**
 * What an owner asks of a batch before it stores it: a sound header, the body that was signed, and records that every reader
 * can take apart. Compressed records are not looked at, since the broker never inflates.
 */
export function checkSentBatch(batch: Uint8Array): BatchFault | undefined {
  const fault = checkBatch(batch)
  if (fault !== undefined || codecAt(batch, 0) !== 'none') return fault
  const message = findRecordFault(batch, batch, BATCH_HEADER_BYTES)
  return message === undefined ? undefined : { code: 'invalidBatch', message }
}

/**
 * Steps through the records that begin at `from` in `bytes`, which are the batch itself or what it inflated to, and says in a
 * sentence what is wrong with them; undefined where nothing is. A record is visited after it was found to be sound.
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

/** True if the explicit hash key of the record at `at` lies within the bounds of the batch's header. */
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
