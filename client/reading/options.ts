// What a reader and a subscription may be told, with defaults and bounds. Runs in the client.
import type { DecoderOption } from '../codecs.ts'
import type { Position } from './position.ts'
import { optionTable } from '../options/table.ts'
import type { OnUnreadable } from './unreadable.ts'

/** What any reading of a stream may be told. */
export interface ReadingOptions<T = Uint8Array> {
  /** Where to begin. A reader begins at 'TRIM_HORIZON' by default, a subscription at 'LATEST'. */
  readonly from?: Position
  /**
   * Reads this shard only, and ends where it does: `children` then tells what took its place. All shards of the stream, by
   * default, parents before children.
   */
  readonly shard?: string
  /** How payloads become `data`: bytes, by default. */
  readonly codec?: DecoderOption<T>
  /** What to do about a position whose records have expired: fail with `trimmed`, or go on at the trim horizon. */
  readonly onTrimmed?: 'fail' | 'horizon'
  /**
   * What to do about stored records that cannot be read, because their bytes are damaged, their producer wrote them so that
   * no reader can take them apart, or they need a codec that this Node does not have: fail with `corruptData`,
   * `malformedBatch` or `codecUnavailable`, which say where reading can go on; or call this function with what is passed over,
   * when the loop gets there, and go on behind it. What the function throws ends the loop. 'fail' by default.
   */
  readonly onUnreadable?: OnUnreadable
  /** Ends the loop with `aborted`. */
  readonly signal?: AbortSignal
}

/** How far a reading goes, and what it asks for at a time. */
export interface ReadOptions<T = Uint8Array> extends ReadingOptions<T> {
  /**
   * Go on when all is read, and wait for more. False by default: the reading ends at the tail that each shard had when it
   * began. `until` ends it all the same.
   */
  readonly follow?: boolean
  /**
   * Ends each shard before this place, instead of at the tail. A time in the past or to come: every record that arrived
   * before it is read, in the shards that split or merge meanwhile too, parents first. Where it is to come, the reading
   * follows until it is over by the broker's clock, and one second more: an append that takes longer than that to
   * reach the disk across that moment may be left out. A time or a sequence number before that of `from` is refused with
   * `invalidArgument`.
   */
  readonly until?: Position
  /** How long one request waits at the broker for new records, when following; 5 s by default. */
  readonly maxWaitMs?: number
  /** Bytes read ahead of the loop, at most; 16 MiB by default. One batch of each request may pass it. */
  readonly bufferBytesMax?: number
}

/** How much the broker may send ahead. */
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
  /** How long a shard rests whose limits are used up, where its host does not say. */
  restMs: 200,
  /**
   * After a time that a reading waits for has come, how long an append that began before it may still take to be stored.
   */
  arrivalGraceMs: 1000,
  /** A timer holds no more than 24 days: who waits longer looks at the clock in between. */
  sleepMsMax: 3_600_000,
  creditBytesMin: 64 * KiB,
  /** Credit of all shards of a subscription, unless the caller decides. */
  creditBytesTotal: 32 * MiB,
} as const

/** Options of a reader with defaults; they were checked by the table. */
export function fetchSettings(options: Omit<ReadOptions, 'codec'>): {
  maxWaitMs: number
  bufferBytesMax: number
} {
  const { maxWaitMs, bufferBytesMax } = optionTable.read
  return {
    maxWaitMs: options.maxWaitMs ?? maxWaitMs.default,
    bufferBytesMax: options.bufferBytesMax ?? bufferBytesMax.default,
  }
}

/** Credit of each shard of a subscription. */
export function creditBytesOf(options: Omit<SubscribeOptions, 'codec'>, shardCount: number): number {
  const share = Math.floor(readingLimits.creditBytesTotal / Math.max(1, shardCount))
  const most = optionTable.subscribe.creditBytes.default
  return options.creditBytes ?? Math.max(readingLimits.creditBytesMin, Math.min(most, share))
}
