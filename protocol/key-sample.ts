// The few hash keys that a compressed batch tells beside its records, so that a broker which never inflates still learns how
// load lies over keys: where a shard divides in halves, and which key is hot. Runs in the client, pure.
// Keys are drawn by bytes: one out of each of as many stretches of the same length. So each stands for as much load as the
// others, a key with most of the bytes is drawn most often, and no pattern among the records is followed.
import { readU32 } from './bytes.ts'
import type { HashKeyWords } from './hash-key.ts'
import { limits } from './limits.ts'
import { hashKeyOfRecordAt } from './record-layout.ts'

/** A key more for so many bytes that the records take compressed: the sample stays a small part of its batch. */
const BYTES_PER_KEY = 1024

/** How many keys are worth telling of records with so many bytes compressed. */
export function sampledKeyCount(compressedBytes: number): number {
  return Math.min(limits.batchSampledKeysMax, 1 + Math.floor(compressedBytes / BYTES_PER_KEY))
}

/** So many hash keys of records that lie one after the other as they were encoded. `random` is from 0 to below 1. */
export function drawHashKeys(records: Uint8Array, count: number, random: () => number): HashKeyWords[] {
  const keys: HashKeyWords[] = []
  let at = 0
  for (let drawn = 0; drawn < count; drawn++) {
    const target = ((drawn + random()) / count) * records.length
    let end = endOf(records, at)
    // The last record ends all, however the target was rounded.
    while (end <= target && end < records.length) {
      at = end
      end = endOf(records, at)
    }
    keys.push(hashKeyOfRecordAt(records, at))
  }
  return keys
}

function endOf(records: Uint8Array, at: number): number {
  return at + 4 + readU32(records, at)
}
