// The limits of one shard in one direction: bytes a second, pieces a second, or both. Host main thread.
// Appends and fetches are bounded in the same way. A shard without limits has no throttle at all, so that it costs one check
// against undefined.
import type { ShardLimits } from '../../../protocol/operations.ts'
import { hostLimits } from '../host-limits.ts'
import { TokenBucket } from '../../../protocol/shards/token-bucket.ts'

/** Which fields of a stream's limits bound the bytes and the pieces. */
interface ThrottleKind {
  readonly bytes: keyof ShardLimits
  readonly count: keyof ShardLimits
}

/** Bytes of records, and records. */
export const writeLimits = {
  bytes: 'writeBytesPerSecond',
  count: 'writeRecordsPerSecond',
} as const satisfies ThrottleKind

/** Bytes of batches, and fetches. */
export const readLimits = {
  bytes: 'readBytesPerSecond',
  count: 'readsPerSecond',
} as const satisfies ThrottleKind

/** A limit that is used up for now. */
export interface UsedUp {
  readonly limit: keyof ShardLimits
  readonly perSecond: number
  readonly waitMs: number
}

export class Throttle {
  readonly #kind: ThrottleKind
  #bytes: TokenBucket | undefined
  #count: TokenBucket | undefined
  #fetchesRefused = 0

  /** Makes a throttle without limits; `set` gives it some. */
  constructor(kind: ThrottleKind) {
    this.#kind = kind
  }

  /** Sets the limits that hold from now on. The balances, saved or owed, stay. */
  set(limits: ShardLimits, now: number): void {
    this.#bytes = adjusted(this.#bytes, limits[this.#kind.bytes], now)
    this.#count = adjusted(this.#count, limits[this.#kind.count], now)
  }

  /** The limit of bytes a second; 0 if there is none. */
  get bytesPerSecond(): number {
    return this.#bytes?.perSecond ?? 0
  }

  /** Returns the milliseconds until bytes are admitted, however many pieces were. */
  bytesWaitMs(now: number): number {
    return this.#bytes?.waitMs(now) ?? 0
  }

  /** How often fetches were refused for this limit. */
  get fetchesRefused(): number {
    return this.#fetchesRefused
  }

  /** Called when a fetch was refused. */
  refusedFetch(): void {
    this.#fetchesRefused++
  }

  /** Returns the limit with the longest wait, and that wait, bounded; undefined if work is admitted. */
  usedUp(now: number): UsedUp | undefined {
    const bytesMs = this.#bytes?.waitMs(now) ?? 0
    const countMs = this.#count?.waitMs(now) ?? 0
    if (bytesMs === 0 && countMs === 0) return undefined
    const waitMs = Math.min(Math.max(bytesMs, countMs), hostLimits.throttledRetryMsMax)
    return bytesMs >= countMs
      ? { limit: this.#kind.bytes, perSecond: this.#bytes!.perSecond, waitMs }
      : { limit: this.#kind.count, perSecond: this.#count!.perSecond, waitMs }
  }

  take(bytes: number, count: number, now: number): void {
    this.#bytes?.take(bytes, now)
    this.#count?.take(count, now)
  }

  /** Gives back what was taken for work that was not done. */
  give(bytes: number, count: number): void {
    this.#bytes?.give(bytes)
    this.#count?.give(count)
  }
}

/** Returns a throttle with these limits, `throttle` itself if it is given; undefined if nothing is limited. */
export function throttled(
  throttle: Throttle | undefined,
  kind: ThrottleKind,
  limits: ShardLimits,
  now: number,
): Throttle | undefined {
  if (limits[kind.bytes] === 0 && limits[kind.count] === 0) return undefined
  const kept = throttle ?? new Throttle(kind)
  kept.set(limits, now)
  return kept
}

function adjusted(bucket: TokenBucket | undefined, perSecond: number, now: number): TokenBucket | undefined {
  if (perSecond === 0) return undefined
  if (!bucket) return new TokenBucket(perSecond)
  bucket.setRate(perSecond, now)
  return bucket
}
