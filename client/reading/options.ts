// The options of a reader and of a subscription, with their limits. Runs in the client.
import type { DecoderOption } from '../codecs.ts'
import type { HashKeys, Position, StreamPosition } from './position.ts'
import { limits } from '../../protocol/limits.ts'
import { optionTable } from '../options/table.ts'
import type { OnUnreadable } from './unreadable.ts'

/** Options of every reading of a stream. */
export interface ReadingOptions<T = Uint8Array> {
  /**
   * Where to begin: the same place in every shard, or the `position` of an earlier reading, to go on from there. By default a
   * reader begins at 'TRIM_HORIZON', and a subscription at 'LATEST'.
   */
  readonly from?: Position | StreamPosition
  /**
   * Reads only this shard, and ends at its end; `children` then names the shards that replaced it. By default all shards of the
   * stream are read, parents before children.
   */
  readonly shard?: string
  /**
   * Reads this key's records alone: those without an explicit hash key. One shard is read at a time, the one whose range holds
   * the key, through splits and merges; no other shard is asked. All batches of that shard are sent; those whose bounds of hash
   * keys leave the key out are skipped undecoded. The `position` of such a reading is good for this key alone.
   */
  readonly partitionKey?: string
  /**
   * Reads the records of these hash keys alone, so that several readers share a stream however its shards are split and merged:
   * ranges that together are all hash keys have each record once, and those of one partition key in order. A record's hash key is
   * its explicit one, or else that of its partition key. Only shards that hold one of these are asked; of their batches, those that
   * lie outside are skipped undecoded. With `shard`, only those of the one shard. Records that cannot be read are told to every
   * reader of their shard. The `position` of such a reading is good for these hash keys, and for fewer.
   */
  readonly hashKeys?: HashKeys
  /**
   * Reads as this registered consumer of the stream: pushed, with a throughput of its own in each shard. By default a reading
   * shares the limits of reads with others. A consumer has one reader of a shard: another that begins five seconds later or
   * more takes its place, and the first one ends with `consumerDisplaced`.
   */
  readonly consumer?: string
  /**
   * For a consumer whose reader of the shard began less than five seconds ago: 'wait', the default, begins as soon as its place
   * may be taken; 'fail' ends the reading with `consumerInUse`, if that is so when it begins.
   */
  readonly onInUse?: 'wait' | 'fail'
  /** Decodes payloads to `data`; bytes by default. */
  readonly codec?: DecoderOption<T>
  /** For a position whose records have expired: fail with `trimmed`, or go on at the trim horizon. */
  readonly onTrimmed?: 'fail' | 'horizon'
  /**
   * For stored records that cannot be read, because their bytes are damaged, their producer wrote them malformed, they need a
   * codec that this Node does not have, or they are encrypted and do not decrypt. 'fail', the default, ends the loop with
   * `corruptData`, `malformedBatch`, `codecUnavailable`, `keyUnavailable`, `decryptionFailed` or `notEncrypted`, whose details say where reading can go on. A function is called with the skipped records when the loop
   * gets there, and reading goes on after them. An error that the function throws ends the loop.
   */
  readonly onUnreadable?: OnUnreadable
  /** Ends the loop with `aborted`. */
  readonly signal?: AbortSignal
}

/** Options of a reader. */
export interface ReadOptions<T = Uint8Array> extends ReadingOptions<T> {
  /**
   * If true, the reading waits for more records when all are read. By default it ends at the tail that each shard had when the
   * reading began. `until` ends it in both cases.
   */
  readonly follow?: boolean
  /**
   * Ends each shard before this place, instead of at the tail. With a time, past or future, all records that arrived before it
   * are read, also in shards that split or merge meanwhile, parents first. With a future time, the reading follows until that
   * time has passed by the broker's clock, and one second more: an append across that time that takes longer than a second to
   * reach the disk may be left out. A time or a sequence number before that of `from` is refused with `invalidArgument`.
   */
  readonly until?: Position
  /** How long one request waits at the broker for new records while following; 5 s by default. */
  readonly maxWaitMs?: number
  /** Most bytes read ahead of the loop; 16 MiB by default. One batch of each request may exceed it. */
  readonly bufferBytesMax?: number
}

/** Options of a subscription. */
export interface SubscribeOptions<T = Uint8Array> extends ReadingOptions<T> {
  /**
   * Bytes that the broker may send ahead of the loop, for each shard. 1 MiB by default, and less for a stream of more than 32
   * shards, so that all together stay within 32 MiB.
   */
  readonly creditBytes?: number
}

const KiB = 1024
const MiB = 1024 * KiB

export const readingLimits = {
  /** Most bytes of a fetch: large enough to keep up, small enough that records come early. */
  fetchBytes: 2 * MiB,
  /** Fewest bytes that a fetch asks for of one shard. */
  fetchShardBytesMin: 64 * KiB,
  /** Wait before the next fetch of a shard whose limits are used up, if its host gives none. */
  restMs: 200,
  /** How long it rests at least, doubled with every rest in a row up to `restMs`. */
  restMsMin: 10,
  /**
   * How long after the time at which a reading ends an append that began before it may still be stored.
   */
  arrivalGraceMs: 1000,
  /** Longest single sleep. A timer holds at most 24 days, so a longer wait checks the clock in between. */
  sleepMsMax: 3_600_000,
  /** Longest wait before a clock that has not gone on as it should is checked again. */
  clockLookMsMax: 1000,
  /** Early answers without news in a row that are allowed before the host is asked less often. */
  emptyAnswersSoon: 3,
  /** Answers in a row that may hold none of the records that they report. */
  emptyAnswersMax: 10,
  creditBytesMin: 64 * KiB,
  /** Credit of all shards of a subscription, unless the caller decides. */
  creditBytesTotal: 32 * MiB,
} as const

/** Fills in defaults of a reader's options, which the table has checked. */
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

/** Returns the credit of each shard of a reader that is pushed to. */
export function sharedCreditBytes(options: Omit<ReadOptions, 'codec'>, shardCount: number): number {
  const { bufferBytesMax } = options
  if (bufferBytesMax === undefined) return creditBytesOf({}, shardCount)
  const share = Math.floor(bufferBytesMax / Math.max(1, shardCount))
  return Math.min(limits.subscriptionCreditBytesMax, Math.max(readingLimits.creditBytesMin, share))
}

/** Returns the credit of each shard of a subscription. */
export function creditBytesOf(options: Omit<SubscribeOptions, 'codec'>, shardCount: number): number {
  const share = Math.floor(readingLimits.creditBytesTotal / Math.max(1, shardCount))
  const most = optionTable.subscribe.creditBytes.default
  return options.creditBytes ?? Math.max(readingLimits.creditBytesMin, Math.min(most, share))
}
