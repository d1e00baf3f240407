// What a producer publishes through `node:diagnostics_channel`, for tools that watch a process from inside. Runs in the
// client. A message is made only if its channel has listeners.
import { channel } from 'node:diagnostics_channel'
import type { AppendAttempt, MillraceError } from '../../../protocol/millrace-error.ts'

/** What each message has. */
interface OfShard {
  /** Name of the stream. */
  readonly stream: string
  /** The shard concerned. */
  readonly shardId: string
}

/** The messages of each channel. */
export interface ProducerMessages {
  /** A batch is stored. */
  batchAcknowledged: OfShard & {
    /** Records in the batch; their numbers rise by one. */
    readonly recordCount: number
    /** Size of the batch as it was sent. */
    readonly bytes: number
    /** Number of its first record. */
    readonly firstSequenceNumber: number
    /** From the acceptance of its oldest record to the acknowledgement. */
    readonly latencyMs: number
    /** How it was tried, the last one with success. */
    readonly attempts: readonly AppendAttempt[]
  }
  /** A batch, or part of one, is refused for good, for another reason than its age. */
  batchRefused: OfShard & {
    /** Records that fail. */
    readonly recordCount: number
    /** What they fail with. */
    readonly error: MillraceError
  }
  /** Records were not stored within `recordTtlMs`; where they may be stored all the same, the error is `outcomeUnknown`. */
  expired: OfShard & {
    /** Records that fail. */
    readonly recordCount: number
    /** What they fail with. */
    readonly error: MillraceError
  }
  /** The batches of a shard are sent again after a delay. */
  retry: OfShard & {
    /** The delay. */
    readonly delayMs: number
    /** Why they were not stored. */
    readonly error: MillraceError
  }
  /** A shard refused a batch because its limit was used up. */
  throttled: OfShard & {
    /** When it takes records again, as it says. */
    readonly retryAfterMs: number | undefined
  }
}

/** The names of the channels. They are part of the interface: a released name is never given to something else. */
export const producerChannels = {
  batchAcknowledged: 'millrace:producer:batch-acknowledged',
  batchRefused: 'millrace:producer:batch-refused',
  expired: 'millrace:producer:expired',
  retry: 'millrace:producer:retry',
  throttled: 'millrace:producer:throttled',
} as const satisfies Record<keyof ProducerMessages, string>

const channels = Object.fromEntries(
  Object.entries(producerChannels).map(([message, name]) => [message, channel(name)]),
) as Record<keyof ProducerMessages, ReturnType<typeof channel>>

/** Publishes a message, which is made only if the channel has listeners. Node reports a listener's error as uncaught. */
export function publish<M extends keyof ProducerMessages>(message: M, make: () => ProducerMessages[M]): void {
  if (channels[message].hasSubscribers) channels[message].publish(make())
}
