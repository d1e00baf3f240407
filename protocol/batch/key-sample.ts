// Draws the key sample of a compressed batch: a few hash keys of its records. From samples the broker, which never inflates,
// learns how load is spread over keys: where to split a shard, and which key is hot. Runs in the client, pure.
// The records are cut into stretches of equal length, and one key is drawn at random from each. So every sampled key stands
// for the same number of bytes, a key with many bytes is drawn often, and a pattern among the records does not distort it.
import { readU32 } from '../bytes.ts'
import type { HashKeyWords } from '../shards/hash-key.ts'
import { limits } from '../limits.ts'
import { hashKeyOfRecordAt } from './record-layout.ts'

/** Compressed bytes of records per sampled key: the sample stays a small part of its batch. */
const BYTES_PER_KEY = 1024

/** The number of keys to sample for records of so many compressed bytes. */
export function sampledKeyCount(compressedBytes: number): number {
  return Math.min(limits.batchSampledKeysMax, 1 + Math.floor(compressedBytes / BYTES_PER_KEY))
}

/** Draws `count` hash keys from encoded, uncompressed records. `random` returns numbers in [0, 1). */
export function drawHashKeys(records: Uint8Array, count: number, random: () => number): HashKeyWords[] {
  const keys: HashKeyWords[] = []
  let at = 0
  for (let drawn = 0; drawn < count; drawn++) {
    const target = ((drawn + random()) / count) * records.length
    let end = endOf(records, at)
    // The loop also ends at the last record, in case rounding puts the target behind it.
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
