// Samples the keys of records that are appended. Host main thread.
// This is the only place where a host looks inside batches, within a budget: a few hundred records a second for the host, and
// a few batches a second for each shard. Batches are chosen at random, with a chance in proportion to their bytes, so that
// the order in which producers send does not change how often their keys are seen.
import { hasPlainRecordsAt, readBatchHeader, sampledKeysOf } from '../../../protocol/batch/batch.ts'
import { compareHashKeys, type HashKeyWords } from '../../../protocol/shards/hash-key.ts'
import { TokenBucket } from '../../../protocol/shards/token-bucket.ts'
import { KeySample } from './key-sample.ts'
import { sampleKeys } from './record-keys.ts'
import type { ShardLoadMeter } from './shard-load-meter.ts'

const RECORDS_PER_SECOND = 400
const RECORDS_PER_BATCH = 8

/** A shard whose keys are sampled. */
export interface SampledShard {
  readonly rangeStart: HashKeyWords
  readonly rangeEnd: HashKeyWords
  readonly load: ShardLoadMeter
}

export class KeySampler {
  readonly #random: () => number
  readonly #budget = new TokenBucket(RECORDS_PER_SECOND)

  /** `random` returns numbers from 0 to below 1. */
  constructor(random: () => number) {
    this.#random = random
  }

  /** Called with a batch that holds `bytes` of records; samples its keys if the batch is chosen. */
  offer(shard: SampledShard, batch: Uint8Array, bytes: number, now: number): void {
    const { load } = shard
    const { bytesPerLook } = load
    if (this.#random() * bytesPerLook >= bytes || this.#budget.waitMs(now) > 0) return
    load.sample ??= new KeySample({ start: shard.rangeStart, end: shard.rangeEnd }, now)
    load.sample.fade(now)
    // The batch stands for all the bytes among which it was chosen.
    const weight = Math.max(bytes, bytesPerLook)
    this.#budget.take(this.#look(load.sample, batch, weight), now)
    load.looked(now)
  }

  /** Samples a batch; returns how many records it looked at. */
  #look(sample: KeySample, batch: Uint8Array, weight: number): number {
    if (!hasPlainRecordsAt(batch, 0)) return lookAtHeader(sample, batch, weight)
    const keys = sampleKeys(batch, RECORDS_PER_BATCH, this.#random)
    const sampled = keys.reduce((sum, key) => sum + key.bytes, 0)
    for (const key of keys) sample.add(key.hashKey, weight * (key.bytes / sampled))
    return Math.max(1, keys.length)
  }
}

/** Samples a compressed or encrypted batch by its header, which holds the key if all records share one, else some keys. */
function lookAtHeader(sample: KeySample, batch: Uint8Array, weight: number): number {
  const { lowestHashKey, highestHashKey } = readBatchHeader(batch)
  const isOneKey = compareHashKeys(lowestHashKey, 0, highestHashKey, 0) === 0
  const keys = isOneKey ? [lowestHashKey] : sampledKeysOf(batch)
  for (const key of keys) sample.add(key, weight / keys.length)
  if (keys.length === 0) sample.addUnknown(weight)
  return Math.max(1, keys.length)
}
