// What a reader and a subscription may be told, with defaults and bounds. Runs in the client.
import { limits } from '../../protocol/limits.ts'
import type { DecoderOption } from '../codecs.ts'
import type { Position } from '../position.ts'
import { bounded } from '../settings.ts'

export interface ReadingOptions<T = Uint8Array> {
  /** Where to begin. A reader begins at 'TRIM_HORIZON' by default, a subscription at 'LATEST'. */
  readonly from?: Position
  /** Reads this shard only; all shards of the stream, by default. */
  readonly shard?: string
  /** How payloads become `data`: bytes, by default. */
  readonly codec?: DecoderOption<T>
  /** What to do about a position whose records have expired: fail with `trimmed`, or go on at the trim horizon. */
  readonly onTrimmed?: 'fail' | 'horizon'
  /** Ends the loop with `aborted`. */
  readonly signal?: AbortSignal
}

export interface ReadOptions<T = Uint8Array> extends ReadingOptions<T> {
  /**
   * Go on when all is read, and wait for more. False by default: the reading ends at the tail that each shard had when it
   * began.
   */
  readonly follow?: boolean
  /** Ends each shard before this place, as it is found when the reading begins; instead of at the tail. */
  readonly until?: Position
  /** How long one request waits at the broker for new records, when following; 5 s by default. */
  readonly maxWaitMs?: number
  /** Bytes read ahead of the loop, at most; 16 MiB by default. One batch of each request may pass it. */
  readonly bufferBytesMax?: number
}

export interface SubscribeOptions<T = Uint8Array> extends ReadingOptions<T> {
  /**
   * Bytes that the broker may send ahead of the loop, for each shard. By default 1 MiB, and less for a stream of more than
   * 32 shards, so that all stay within 32 MiB.
   */
  readonly creditBytes?: number
}

const KiB = 1024
const MiB = 1024 * KiB

export const readingLimits = {
  /** What a fetch asks for at most: large enough to keep up, small enough that records come early. */
  fetchBytes: 2 * MiB,
  /** What a fetch asks for of one shard, at least. */
  fetchShardBytesMin: 64 * KiB,
  creditBytesDefault: 1 * MiB,
  creditBytesMin: 64 * KiB,
  /** Credit of all shards of a subscription, unless the caller decides. */
  creditBytesTotal: 32 * MiB,
} as const

export function fetchSettings(options: Omit<ReadOptions, 'codec'>): {
  maxWaitMs: number
  bufferBytesMax: number
} {
  return {
    maxWaitMs: bounded('maxWaitMs', options.maxWaitMs ?? 5000, 0, limits.fetchWaitMsMax),
    bufferBytesMax: bounded('bufferBytesMax', options.bufferBytesMax ?? 16 * MiB, 1, 4096 * MiB),
  }
}

/** Credit of each shard of a subscription. */
export function creditBytesOf(options: Omit<SubscribeOptions, 'codec'>, shardCount: number): number {
  const share = Math.floor(readingLimits.creditBytesTotal / Math.max(1, shardCount))
  const ofShare = Math.max(readingLimits.creditBytesMin, Math.min(readingLimits.creditBytesDefault, share))
  return bounded('creditBytes', options.creditBytes ?? ofShare, 1, limits.subscriptionCreditBytesMax)
}
