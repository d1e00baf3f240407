// Looks at the keys of some of the records that are appended. Host main thread.
// A host never looks inside batches but here, and here within a budget: a few hundred records a second for the whole
// host, a few batches a second of each shard, whatever arrives. A batch is chosen by lot, with a chance that goes by its
// bytes: whoever sends in turns, or first in every request, is seen no more often than he brings.
import { codecAt, readBatchHeader, sampledKeysOf } from '../../../protocol/batch/batch.ts'
import { compareHashKeys, type HashKeyWords } from '../../../protocol/shards/hash-key.ts'
import { TokenBucket } from '../limits/token-bucket.ts'
import { KeySample } from './key-sample.ts'
import { sampleKeys } from './record-keys.ts'
import type { ShardLoad } from './shard-load.ts'

const RECORDS_PER_SECOND = 400
const RECORDS_PER_BATCH = 8

/** Whose keys are looked at. */
export interface SampledShard {
  readonly rangeStart: HashKeyWords
  readonly rangeEnd: HashKeyWords
  readonly load: ShardLoad
}

export class KeySampler {
  readonly #random: () => number
  readonly #budget = new TokenBucket(RECORDS_PER_SECOND)

  /** `random` is from 0 to below 1. */
  constructor(random: () => number) {
    this.#random = random
  }

  /** A batch with `bytes` of records was counted. */
  offer(shard: SampledShard, batch: Uint8Array, bytes: number, now: number): void {
    const { load } = shard
    const { bytesPerLook } = load
    if (this.#random() * bytesPerLook >= bytes || this.#budget.waitMs(now) > 0) return
    load.sample ??= new KeySample({ start: shard.rangeStart, end: shard.rangeEnd }, now)
    load.sample.fade(now)
    // It stands for all the bytes among which it was chosen.
    const weight = Math.max(bytes, bytesPerLook)
    this.#budget.take(this.#look(load.sample, batch, weight), now)
    load.looked(now)
  }

  /** Returns how many records it looked at. */
  #look(sample: KeySample, batch: Uint8Array, weight: number): number {
    if (codecAt(batch, 0) !== 'none') return lookCompressed(sample, batch, weight)
    const keys = sampleKeys(batch, RECORDS_PER_BATCH, this.#random)
    const sampled = keys.reduce((sum, key) => sum + key.bytes, 0)
    for (const key of keys) sample.add(key.hashKey, weight * (key.bytes / sampled))
    return Math.max(1, keys.length)
  }
}

/** Nothing is inflated here: the header tells the key where all records have the same, and some keys where they do not. */
function lookCompressed(sample: KeySample, batch: Uint8Array, weight: number): number {
  const { lowestHashKey, highestHashKey } = readBatchHeader(batch)
  const isOneKey = compareHashKeys(lowestHashKey, 0, highestHashKey, 0) === 0
  const keys = isOneKey ? [lowestHashKey] : sampledKeysOf(batch)
  for (const key of keys) sample.add(key, weight / keys.length)
  if (keys.length === 0) sample.addUnknown(weight)
  return Math.max(1, keys.length)
}
