// What a producer may be told, with defaults and bounds, resolved once. Runs in the client.
import type { Compression } from '../../protocol/batch/compression.ts'
import type { MillraceError } from '../../protocol/millrace-error.ts'
import type { BytesInput, EncoderOption } from '../codecs.ts'
import { optionTable } from '../options/table.ts'
import type { BatchAcknowledgement } from './acknowledgement.ts'

/** How a producer gathers, sends and retries. What is left out is the default. */
export interface ProducerOptions<In = BytesInput> {
  /** How data becomes bytes; bytes and text as they are, by default. */
  readonly codec?: EncoderOption<In>
  /** A batch is sent when it has this many bytes, at the latest; 256 KiB by default. */
  readonly batchBytes?: number
  /** A batch is sent when it has this many records, at the latest; 65,536 by default. */
  readonly batchRecords?: number
  /**
   * How long a batch that is not full may wait for more records. 0 by default: it leaves as soon as the pipeline to its
   * host has room, so that batches grow by themselves with the load and an idle stream waits for nothing.
   */
  readonly lingerMs?: number
  /** Compresses batches: 'none' by default. */
  readonly compression?: Compression
  /** Records beyond this are refused with `overloaded`; `ready` and `push` ask to wait from half of it on. 32 MiB. */
  readonly bufferBytesMax?: number
  /**
   * The same by their number, for small records that cost the program more than their bytes: each `send` has a promise that
   * waits. No bound by default.
   */
  readonly bufferRecordsMax?: number
  /**
   * A record that is not stored by then is refused; 120 s by default, at most 15 minutes. The error says what it waited for,
   * and by `sideEffects` whether it may be stored. From 5 s on, what it waits for is told by the client's `log`.
   */
  readonly deliveryTimeoutMs?: number
  /**
   * Time to live of a record; no bound of its own by default. For data that is worthless when late. A record that is not stored by
   * then is not sent any more and fails with `recordExpired`, or with `outcomeUnknown` if it was sent and no answer came. Records
   * under way at that moment wait for their answer, at most `requestTimeoutMs` of `connect`. The others fail at most a quarter of
   * this time later.
   */
  readonly recordTtlMs?: number
  /**
   * Keeps just below the limits of shards that have any: once one has refused a batch for their sake, the producer learns them, and
   * finds out how much of them others leave. Without it, refused batches are tried again when the shard says. True by default.
   */
  readonly pacing?: boolean
  /**
   * For records that a shard's limits refuse: wait until the shard takes them, or fail with `provisionedThroughputExceeded`, whose
   * `retryAfterMs` says when it may, so that the caller decides. With 'fail' there is no pacing. 'wait' by default.
   */
  readonly onThrottled?: 'wait' | 'fail'
  /** Called for each batch that is stored. Must not throw. */
  readonly onAcknowledged?: (batch: BatchAcknowledgement) => void
  /** Called for each batch, or part of one, that is refused for good. Must not throw. */
  readonly onRefused?: (error: MillraceError, batch: { shardId: string; recordCount: number }) => void
  /**
   * Called where a shard takes nothing for a while: its limits are used up, or its host cannot store more for now. Its
   * records are sent again after the delay. Must not throw.
   */
  readonly onDelayed?: (error: MillraceError, wait: { shardId: string; delayMs: number }) => void
  /** Ends the producer at once: what is not acknowledged then fails with `aborted`. */
  readonly signal?: AbortSignal
}

export interface ProducerSettings {
  readonly batchBytes: number
  readonly batchRecords: number
  readonly lingerMs: number
  readonly compression: Compression
  readonly bufferBytesMax: number
  readonly bufferRecordsMax: number
  readonly deliveryTimeoutMs: number
  readonly pacing: boolean
  readonly onThrottled: 'wait' | 'fail'
  /** Infinity where records have no time to live. */
  readonly recordTtlMs: number
}

const KiB = 1024
const MiB = 1024 * KiB

export const producerLimits = {
  /** Append requests under way to one host while there is a full one to send: keeps its disk and the network busy. */
  requestsInFlightMax: 8,
  /** While so many are under way, batches that are not full wait and grow: the fewer flushes, the more in each. */
  partialRequestsInFlightMax: 2,
  /** Batches that are not full in one request, unless they have this size on average: each costs, however small it is. */
  partialBatchesMax: 64,
  partialBatchBytes: 32 * KiB,
  /**
   * A request is full at this size; one batch always goes. Against 256 KiB it brought a third more records of 100 bytes
   * and two thirds more of 1 KiB, over 4 shards: the host hears of more at a time.
   */
  requestBytes: 1 * MiB,
  /** Bytes accepted before the caller is asked to let the event loop turn, so that what was accepted can leave. */
  turnBytes: 256 * KiB,
  /** Bytes of batches moved to other shards in one turn after a split or a merge; a batch may pass it. */
  relocatedBytes: 512 * KiB,
  /** Records whose fields are held to the names that there are: so many from the first, and one in so many after that. */
  namesChecked: 1024,
  namesCheckedEvery: 64,
  /** Builders kept for the next batch. */
  buildersKept: 64,
  /** Memory of stored batches that is kept for new ones: about what is under way at full speed. */
  freeMemoryKeptBytes: 16 * MiB,
  /** Refusals in a row after which a host's word, when a limited shard takes records again, is doubted. */
  throttledSoon: 32,
  /** The limits of a stream are asked for again after this time, if they still matter. */
  limitsAgeMs: 10_000,
  /** How often the routing is asked for at once while nothing is stored: then only after a backoff. */
  reroutesAtOnce: 16,
  /** Epochs are 16 bits wide; after the last one a shard goes on under a new producer id. */
  epochMax: 0xffff,
} as const

/** Options with defaults; they were checked by the table. */
export function resolveProducerSettings(options: Omit<ProducerOptions, 'codec'>): ProducerSettings {
  const table = optionTable.producer
  return Object.freeze({
    batchBytes: options.batchBytes ?? table.batchBytes.default,
    batchRecords: options.batchRecords ?? table.batchRecords.default,
    lingerMs: options.lingerMs ?? table.lingerMs.default,
    compression: options.compression ?? 'none',
    bufferBytesMax: options.bufferBytesMax ?? table.bufferBytesMax.default,
    bufferRecordsMax: options.bufferRecordsMax ?? table.bufferRecordsMax.default,
    deliveryTimeoutMs: options.deliveryTimeoutMs ?? table.deliveryTimeoutMs.default,
    pacing: (options.pacing ?? true) && options.onThrottled !== 'fail',
    onThrottled: options.onThrottled ?? 'wait',
    recordTtlMs: options.recordTtlMs ?? table.recordTtlMs.default,
  })
}
