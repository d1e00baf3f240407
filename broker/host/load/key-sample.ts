// A sample of the hash keys that one shard lately took: their distribution, and the heavy ones. Host main thread.
// Weights fade by half in half a minute, so that the sample shows the present load. It takes a few KiB, and gives no answers
// until it has seen enough records.
import {
  hashKeyFromBigInt,
  hashKeyToBigInt,
  hashKeyToHex,
  type HashKeyWords,
} from '../../../protocol/shards/hash-key.ts'
import type { HotKey } from '../../host-contract.ts'
import { Histogram } from './histogram.ts'
import { certain, KeySketch } from './key-sketch.ts'

const HALF_LIFE_MS = 30_000
/** Interval of fading. It costs a pass over the bins, which is too much for every record. */
const FADE_MS = 1000
/** Fewest records, faded ones counted in part, from which the sample gives answers. */
const RECORDS_MIN = 32
/** After so many batches that show no keys, and hardly any that do, more batches would not help. */
const BLIND_LOOKS_MAX = 4 * RECORDS_MIN
/** What is left of a single record after a few minutes. */
const FADED_RECORDS = 0.01
/** Part of the load from which on a key is hot. Below it, the keys of a shard count as evenly loaded. */
const HOT_PART_MIN = 0.1

/** The sample of the keys of a shard's range. */
export class KeySample {
  readonly #histogram: Histogram
  readonly #sketch = new KeySketch()
  /** Records whose keys were seen, and batches that showed none. */
  #records = 0
  #blindLooks = 0
  #fadedAt: number

  constructor(range: { start: HashKeyWords; end: HashKeyWords }, now: number) {
    this.#histogram = new Histogram(hashKeyToBigInt(range.start), hashKeyToBigInt(range.end))
    this.#fadedAt = now
  }

  /** Adds a record with the weight that it stands for. */
  add(hashKey: HashKeyWords, weight: number): void {
    const key = hashKeyToBigInt(hashKey)
    this.#histogram.add(key, weight)
    this.#sketch.add(key, weight)
    this.#records++
  }

  /** Adds the weight of records whose keys cannot be seen. */
  addUnknown(weight: number): void {
    this.#sketch.addUnknown(weight)
    this.#blindLooks++
  }

  /** Fades the weights by the time since the last call. */
  fade(now: number): void {
    const ms = now - this.#fadedAt
    if (ms < FADE_MS) return
    const factor = 0.5 ** (ms / HALF_LIFE_MS)
    this.#fadedAt = now
    this.#records *= factor
    this.#blindLooks *= factor
    this.#histogram.scale(factor)
    this.#sketch.scale(factor)
  }

  /** True if enough batches were looked at, whether they showed keys or not. */
  get isSteady(): boolean {
    return this.tells || this.#blindLooks >= BLIND_LOOKS_MAX
  }

  /** True if its records have faded to next to nothing. */
  get isFaded(): boolean {
    return this.#records + this.#blindLooks < FADED_RECORDS
  }

  /** True if it has seen enough records to give answers. */
  get tells(): boolean {
    return this.#records >= RECORDS_MIN
  }

  /** The key with the largest certain part of the load; null if too little was seen or no key stands out. */
  get hot(): HotKey | null {
    const heaviest = this.tells ? this.#sketch.heaviest : undefined
    if (!heaviest) return null
    const part = certain(heaviest) / this.#sketch.total
    return part < HOT_PART_MIN ? null : { hashKey: hashKeyToHex(hashKeyFromBigInt(heaviest.key)), part }
  }

  /** The key that divides the load in two; undefined if too little was seen, or the range cannot be divided. */
  get balancedKey(): HashKeyWords | undefined {
    const key = this.tells ? this.#histogram.balancedKey(this.#sketch.entries) : undefined
    return key === undefined ? undefined : hashKeyFromBigInt(key)
  }
}
