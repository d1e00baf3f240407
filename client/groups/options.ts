// Options of a consumer group, with their defaults: the types that an application sees. Runs in the client.
import type { DecoderOption } from '../codecs.ts'
import { MillraceError } from '../errors.ts'
import { optionTable } from '../options/table.ts'
import { toWirePosition } from '../reading/position.ts'
import type { StreamRecord } from '../record.ts'
import type { Position as WirePosition } from '../../protocol/operations.ts'
import type { GroupEvent } from './events.ts'
import type { BatchContext } from './processing/context.ts'

/** Where a group begins in a stream that it has never read. Later it goes on at its checkpoints. */
export type GroupStart = 'TRIM_HORIZON' | 'LATEST' | { readonly atTimestamp: Date | number }

/** A stream that a group reads, and where it begins in it. */
export interface GroupStreamOption {
  /** Name of the stream. */
  readonly stream: string
  /** Where the group begins in this stream, unless it has checkpoints in it. */
  readonly from?: GroupStart
}

/**
 * Processes batches of records of one shard, in order. If it throws or rejects, the batch is tried again. The batch counts as
 * processed when the handler returns, or when the promise that it returned is fulfilled.
 */
export type GroupHandler<T = Uint8Array> = (
  records: readonly StreamRecord<T>[],
  context: BatchContext<T>,
) => void | Promise<void>

/**
 * What happens to a record that fails in all attempts. 'stop': its shard is blocked, `describe` says so, and the other shards
 * go on; `retryBlocked` tries the record again, `seek` passes it. 'skip': the record is reported by an event and passed over.
 * `deadLetter`: the record is put into the named stream, with headers that give its origin and the error, before the
 * checkpoint passes it.
 */
export type PoisonPolicy = 'stop' | 'skip' | { readonly deadLetter: string }

/** How often, and how soon, a failed call of the handler is tried again. */
export interface GroupRetry {
  /** Calls in all, the first included; 5 by default. */
  readonly attempts?: number
  /** The first wait; 100 ms by default. Each wait is twice as long as the one before, its upper half at random. */
  readonly backoffMinMs?: number
  /** The longest wait; 10 s by default. */
  readonly backoffMaxMs?: number
}

/** The shard whose position `loadCheckpoint` is asked for. */
export interface CheckpointPlace {
  /** Name of the stream. */
  readonly stream: string
  /** A stream that is deleted and made again has another number. */
  readonly streamId: number
  /** The shard. */
  readonly shardId: string
  /** The fencing epoch of the lease: it rises with every assignment. */
  readonly epoch: number
}

/** Options of a group. */
export interface GroupOptions<T = Uint8Array> {
  /** Name of the group: 1 to 128 letters, digits, underscores, full stops and hyphens. All members give the same. */
  readonly name: string
  /** The stream that it reads; or give `streams`. */
  readonly stream?: string
  /** The streams that it reads, up to 256. */
  readonly streams?: readonly (string | GroupStreamOption)[]
  /** Where the group begins in a stream that it has never read: 'TRIM_HORIZON' by default. */
  readonly from?: GroupStart
  /**
   * Name of this member, unique in the group; by default made of the host's name, the process id and random digits. A process
   * that restarts under the same name waits until its predecessor's lease has ended.
   */
  readonly memberId?: string
  /**
   * Time after its last renewal at which the member counts as dead; 10 s by default. A thread of its own sends the renewals,
   * so a handler that keeps the event loop busy loses no shard. (With the application's own `dial`, as for a broker in the
   * same process, the main thread sends them: there a handler that blocks for longer loses its shards.)
   */
  readonly leaseMs?: number
  /** 'pull' asks each host for the records of all its shards in one request; with 'push' hosts send them. 'pull' by default. */
  readonly mode?: 'pull' | 'push'
  /**
   * Reads as this registered consumer: pushed, with a throughput of its own in each shard, instead of a share in the limits of
   * reads. It is registered in every stream of the group where it is not yet; all members give the same. Not with 'pull'.
   */
  readonly consumer?: string
  /**
   * Keys of one shard that are handled at the same time; 1 by default. Above 1, a call of the handler gets records of one key,
   * and calls for other keys run beside it. The checkpoint never passes a record that is not processed.
   */
  readonly concurrency?: number
  /**
   * What sets the checkpoint of a shard; 'batch' by default. 'batch': each finished call of the handler. 'record': the same,
   * and each call gets one record. 'manual': only `context.checkpoint`. 'external': the application stores `context.position`
   * in its own transaction, with `context.epoch` as fence, and `loadCheckpoint` gives it back.
   */
  readonly checkpoint?: 'batch' | 'record' | 'manual' | 'external'
  /**
   * With `checkpoint: 'external'`: returns the position that the application has stored for a shard, or undefined if there is
   * none. Called before the first record of every lease. Store the epoch here, so that a predecessor's transactions can be
   * refused. If it throws, or returns a position that the shard does not have (`invalidCheckpoint`), no record of the shard
   * is handled, the event `loadFailed` and the group's description say so, and it is called again.
   */
  readonly loadCheckpoint?: (
    place: CheckpointPlace,
  ) => number | bigint | undefined | Promise<number | bigint | undefined>
  /** How often, and how soon, a batch is tried again. */
  readonly retry?: GroupRetry
  /** What happens to a record that fails in all attempts; 'stop' by default. */
  readonly onPoison?: PoisonPolicy
  /**
   * Longest time of a call of the handler; no limit by default. A longer call ends the renewals of the whole member, and its
   * shards go to other members.
   */
  readonly handlerTimeoutMs?: number
  /** How payloads become `data`; by default they stay bytes. */
  readonly codec?: DecoderOption<T>
  /** Most records in one call of the handler; 1,000 by default. */
  readonly batchRecordsMax?: number
  /** Bytes of all shards that are read ahead of the handlers; 32 MiB by default, but at least 64 KiB for each shard. */
  readonly bufferBytesMax?: number
  /** Ends the group at once: handlers' signals fire, nothing more is checkpointed, and `run` rejects with `aborted`. */
  readonly signal?: AbortSignal
  /** Called with events of what the group does by itself. Must not throw. */
  readonly onEvent?: (event: GroupEvent) => void
}

/** Options with defaults. */
export interface GroupSettings {
  readonly name: string
  readonly streams: readonly { readonly name: string; readonly from: WirePosition }[]
  readonly leaseMs: number
  readonly mode: 'pull' | 'push'
  readonly consumer: string | undefined
  readonly concurrency: number
  readonly checkpoint: 'batch' | 'record' | 'manual' | 'external'
  readonly retry: Required<GroupRetry>
  readonly onPoison: PoisonPolicy
  readonly handlerTimeoutMs: number
  readonly batchRecordsMax: number
  readonly bufferBytesMax: number
}

const KiB = 1024

/** Limits of a group beyond those of the protocol. */
export const groupLimits = {
  /** Bytes of one shard that are read ahead of its handler, at least and at most. */
  shardBytesMin: 64 * KiB,
  shardBytesMax: 4096 * KiB,
  /** Bytes of records that one call of the handler gets; the last batch may exceed them. */
  callBytes: 1024 * KiB,
  /** Bytes that are handled before the event loop gets a turn. */
  turnBytes: 256 * KiB,
  /** Renewals in the time of one lease. */
  renewalsPerLease: 4,
  /** Last part of a lease, in which a member no longer trusts it, because clocks run at different speeds. */
  uncertainPart: 0.05,
  /** A shard that cannot be gone on with is kept for so long before it is given back. */
  giveBackMsMin: 1000,
  giveBackMsMax: 60_000,
  /** A call of `loadCheckpoint` that takes longer is reported, because its shard stands still. */
  loadMsSlow: 5000,
  /** How long a request for records waits at a host. */
  fetchWaitMs: 5000,
  /** How often changed reports are sent. */
  reportMs: 5000,
  /** How long a sync waits at the controller. */
  syncWaitMs: 20_000,
} as const

/** Fills in defaults of options that the table has checked. Throws `invalidArgument` if options contradict each other. */
export function groupSettings(options: Omit<GroupOptions, 'codec'>): GroupSettings {
  const { name, stream, streams, from = 'TRIM_HORIZON', checkpoint = 'batch', loadCheckpoint } = options
  if ((stream === undefined) === (streams === undefined)) {
    throw invalid('A group reads a stream or some streams: give one of the options stream and streams.')
  }
  const wanted = (streams ?? [stream!]).map((each) =>
    typeof each === 'string' ? { stream: each, from } : { stream: each.stream, from: each.from ?? from },
  )
  if (wanted.length === 0) throw invalid('A group reads one stream at least: streams is empty.')
  if ((checkpoint === 'external') !== (loadCheckpoint !== undefined)) {
    throw invalid("The options checkpoint: 'external' and loadCheckpoint belong together.")
  }
  const { consumer } = options
  if (consumer !== undefined && options.mode === 'pull') {
    throw invalid(
      "A registered consumer is pushed to: the options consumer and mode: 'pull' exclude each other.",
    )
  }
  const concurrency = options.concurrency ?? 1
  if (concurrency > 1 && (checkpoint === 'manual' || checkpoint === 'external')) {
    throw invalid(
      `With concurrency above 1 the group itself follows what is processed without a gap: checkpoint cannot be '${checkpoint}'.`,
    )
  }
  const table = optionTable.group
  const retry = table.retry.fields
  return {
    name,
    streams: wanted.map((each) => ({ name: each.stream, from: toWirePosition(each.from) })),
    leaseMs: options.leaseMs ?? table.leaseMs.default,
    mode: options.mode ?? (consumer === undefined ? 'pull' : 'push'),
    consumer,
    concurrency,
    checkpoint,
    retry: {
      attempts: options.retry?.attempts ?? retry.attempts.default,
      backoffMinMs: options.retry?.backoffMinMs ?? retry.backoffMinMs.default,
      backoffMaxMs: options.retry?.backoffMaxMs ?? retry.backoffMaxMs.default,
    },
    onPoison: options.onPoison ?? 'stop',
    handlerTimeoutMs: options.handlerTimeoutMs ?? table.handlerTimeoutMs.default,
    batchRecordsMax: options.batchRecordsMax ?? table.batchRecordsMax.default,
    bufferBytesMax: options.bufferBytesMax ?? table.bufferBytesMax.default,
  }
}

function invalid(message: string): MillraceError {
  return new MillraceError('invalidArgument', message)
}
