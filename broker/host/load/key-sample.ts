// What was seen lately of the hash keys that one shard takes: how they lie, and which are heavy. Host main thread.
// What is seen fades by half in half a minute, so that it tells of the load that is, not of the one that was. It takes a few
// KiB, and says nothing before it has seen enough.
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
/** Fading costs a pass over the bins: not for every record. */
const FADE_MS = 1000
/** So many records, the faded ones in part, say something. */
const RECORDS_MIN = 32
/** So many looks that saw nothing, and hardly any that did: more would see no more. */
const BLIND_LOOKS_MAX = 4 * RECORDS_MIN
/** So little is left of a single record after a few minutes. */
const FADED_RECORDS = 0.01
/** What a key must have of the load to stand out: below it, the keys of a shard are as good as even. */
const HOT_PART_MIN = 0.1

/** Over a shard's range. */
export class KeySample {
  readonly #histogram: Histogram
  readonly #sketch = new KeySketch()
  /** Records whose keys were seen, and looks that saw none. */
  #records = 0
  #blindLooks = 0
  #fadedAt: number

  constructor(range: { start: HashKeyWords; end: HashKeyWords }, now: number) {
    this.#histogram = new Histogram(hashKeyToBigInt(range.start), hashKeyToBigInt(range.end))
    this.#fadedAt = now
  }

  /** A record, and what it stands for. */
  add(hashKey: HashKeyWords, weight: number): void {
    const key = hashKeyToBigInt(hashKey)
    this.#histogram.add(key, weight)
    this.#sketch.add(key, weight)
    this.#records++
  }

  /** Records whose keys cannot be seen. */
  addUnknown(weight: number): void {
    this.#sketch.addUnknown(weight)
    this.#blindLooks++
  }

  /** Lets go of what was long ago. */
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

  /** It has looked often enough, whether it saw anything or not. */
  get isSteady(): boolean {
    return this.tells || this.#blindLooks >= BLIND_LOOKS_MAX
  }

  /** What it has seen was so long ago that it is as good as nothing. */
  get isFaded(): boolean {
    return this.#records + this.#blindLooks < FADED_RECORDS
  }

  /** It has seen enough to be believed. */
  get tells(): boolean {
    return this.#records >= RECORDS_MIN
  }

  /** The key with the largest part, as far as that is certain; null where too little was seen or none stands out. */
  get hot(): HotKey | null {
    const heaviest = this.tells ? this.#sketch.heaviest : undefined
    if (!heaviest) return null
    const part = certain(heaviest) / this.#sketch.total
    return part < HOT_PART_MIN ? null : { hashKey: hashKeyToHex(hashKeyFromBigInt(heaviest.key)), part }
  }

  /** Where what was seen divides in two; undefined where too little was seen, or it cannot be divided. */
  get balancedKey(): HashKeyWords | undefined {
    const key = this.tells ? this.#histogram.balancedKey(this.#sketch.entries) : undefined
    return key === undefined ? undefined : hashKeyFromBigInt(key)
  }
}
