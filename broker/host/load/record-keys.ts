// The hash keys of some records of a batch, taken without decoding it. Host main thread, pure.
// It steps from record to record by their lengths. The batch is not checked yet, so a length that does not fit ends the walk.
import { BATCH_HEADER_BYTES, recordCountAt } from '../../../protocol/batch/batch.ts'
import { readU32 } from '../../../protocol/bytes.ts'
import type { HashKeyWords } from '../../../protocol/shards/hash-key.ts'
import {
  dataStartOf,
  hashKeyOfRecordAt,
  RECORD_BYTES_MIN,
  RECORD_FIXED_BYTES,
} from '../../../protocol/batch/record-layout.ts'

/** The sample comes from the first records, so that a large batch is not walked whole. */
const RECORDS_WALKED_MAX = 4096

export interface SampledKey {
  readonly hashKey: HashKeyWords
  /** Bytes of the record's key, headers and data. */
  readonly bytes: number
}

/** Returns hash keys of up to `count` records, spread over an uncompressed batch. `random` returns 0 to below 1. */
export function sampleKeys(batch: Uint8Array, count: number, random: () => number): SampledKey[] {
  const among = Math.min(recordCountAt(batch, 0), RECORDS_WALKED_MAX)
  const wanted = Math.min(count, among)
  const keys: SampledKey[] = []
  let at = BATCH_HEADER_BYTES
  let index = 0
  for (let taken = 0; taken < wanted; taken++) {
    // One record is chosen in each of `wanted` even stretches, so that none comes twice and no pattern in the batch counts.
    const target = Math.floor(((taken + random()) * among) / wanted)
    for (; index < target; index++) at = endOf(batch, at)
    const end = endOf(batch, at)
    if (end > batch.length || dataStartOf(batch, at, end) < 0) break
    keys.push({ hashKey: hashKeyOfRecordAt(batch, at), bytes: end - at - RECORD_FIXED_BYTES })
  }
  return keys
}

/** Returns where the record ends that begins at `at`; Infinity if none begins there. */
function endOf(batch: Uint8Array, at: number): number {
  return at + RECORD_BYTES_MIN <= batch.length ? at + 4 + readU32(batch, at) : Infinity
}
