// How fast one shard is sent to: just below its limits, which the host counts in the same way. Runs in the client, pure.
// Where others write to the shard too, the limits are more than there is for this producer. It learns that from refusals: each
// makes its share smaller by a part, and the time without one makes it larger again, as TCP finds its share of a line.
import type { ShardLimits } from '../../../protocol/operations.ts'
import { TokenBucket } from '../../../protocol/shards/token-bucket.ts'

export type WriteLimits = Pick<ShardLimits, 'writeBytesPerSecond' | 'writeRecordsPerSecond'>

export const paceRules = {
  /** The most of the limits that is used: the rest makes good for batches that arrive closer together than they left. */
  shareMax: 0.98,
  shareMin: 0.02,
  /** What a refusal leaves of the share. */
  cut: 0.85,
  /** Refusals within this time of one that counted do not count: they come of the same excess. */
  cutsApartMs: 500,
  /**
   * What a second adds to the share: a part of it, so that many producers with small shares do not ask for more as often as one with
   * all; and a little, so that small shares come to be as large as the others.
   */
  growthPerSecond: 0.015,
  gainPerSecond: 0.001,
} as const

export class ShardPace {
  #limits: WriteLimits
  #bytes: TokenBucket | undefined
  #records: TokenBucket | undefined
  #share: number = paceRules.shareMax
  #shareAt: number
  #cutAt = -Infinity

  constructor(limits: WriteLimits, now: number) {
    this.#limits = limits
    this.#shareAt = now
    this.#adjust(now)
  }

  /** The part of the limits that is used. */
  get share(): number {
    return this.#share
  }

  /** The limits have changed. */
  setLimits(limits: WriteLimits, now: number): void {
    if (limits === this.#limits) return
    this.#limits = limits
    this.#adjust(now)
  }

  /** Milliseconds until the shard is sent to again; 0 if it may be now. */
  waitMs(now: number): number {
    this.#recover(now)
    return Math.max(this.#bytes?.waitMs(now) ?? 0, this.#records?.waitMs(now) ?? 0)
  }

  /** A batch with so many bytes of records, and so many records, is sent. */
  take(bytes: number, records: number, now: number): void {
    this.#bytes?.take(bytes, now)
    this.#records?.take(records, now)
  }

  /** A batch that was sent counts for nothing: the host has refused it. */
  give(bytes: number, records: number): void {
    this.#bytes?.give(bytes)
    this.#records?.give(records)
  }

  /** The host has refused a batch because of the limits, and says when it takes more. */
  refused(retryAfterMs: number, now: number): void {
    if (now - this.#cutAt >= paceRules.cutsApartMs) {
      this.#cutAt = now
      this.#share = Math.max(paceRules.shareMin, this.#share * paceRules.cut)
      this.#shareAt = now
      this.#adjust(now)
    }
    this.#bytes?.hold(retryAfterMs, now)
    this.#records?.hold(retryAfterMs, now)
  }

  #recover(now: number): void {
    if (this.#share >= paceRules.shareMax || now <= this.#shareAt) return
    const gainPerSecond = this.#share * paceRules.growthPerSecond + paceRules.gainPerSecond
    const gained = ((now - this.#shareAt) / 1000) * gainPerSecond
    this.#share = Math.min(paceRules.shareMax, this.#share + gained)
    this.#shareAt = now
    this.#adjust(now)
  }

  #adjust(now: number): void {
    const { writeBytesPerSecond, writeRecordsPerSecond } = this.#limits
    this.#bytes = adjusted(this.#bytes, writeBytesPerSecond * this.#share, now)
    this.#records = adjusted(this.#records, writeRecordsPerSecond * this.#share, now)
  }
}

function adjusted(bucket: TokenBucket | undefined, perSecond: number, now: number): TokenBucket | undefined {
  if (perSecond === 0) return undefined
  const kept = bucket ?? new TokenBucket(perSecond)
  // What a shard has saved before it was known is not for this producer to spend.
  if (bucket === undefined) kept.hold(0, now)
  kept.setRate(perSecond, now)
  return kept
}
