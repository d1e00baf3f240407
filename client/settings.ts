// What `connect` may be told, with defaults and bounds, resolved once. Also the rim through which the client sees
// time, chance and its log: nothing below calls a clock or a random source by itself. Runs in the client.
import { randomBytes } from 'node:crypto'
import { MillraceError } from '../protocol/millrace-error.ts'
import { optionTable } from './options/table.ts'
import { dialTcp, type Dial } from './connecting/transport.ts'

/** How long the client waits before it tries again: min × 2^attempt up to max, the upper half of it at random. */
export interface RetryPolicy {
  /** 50 ms by default. */
  readonly backoffMinMs: number
  /** 2 s by default. */
  readonly backoffMaxMs: number
  /** A reader or subscription that has heard nothing for so long gives up. Never, by default. */
  readonly giveUpAfterMs: number
}

/** What any call may be told. */
export interface CallOptions {
  /** Ends the wait: the call rejects with `aborted`. */
  readonly signal?: AbortSignal
}

/** One line of what the client does by itself: reconnecting, retrying, re-routing. */
export interface LogEntry {
  /** How much it matters. */
  readonly level: 'debug' | 'info' | 'warn'
  /** One sentence. */
  readonly message: string
  /** The stream concerned. */
  readonly stream?: string
  /** The shard concerned. */
  readonly shardId?: string
  /** The process concerned, host:port. */
  readonly address?: string
  /** How long it waits before it tries again. */
  readonly delayMs?: number
  /** What went wrong. */
  readonly error?: Error
}

/** What `connect` may be told. */
export interface ConnectOptions {
  /** Opens byte streams; TCP by default. An in-process broker brings its own. */
  readonly dial?: Dial
  /** Shown in the broker's logs. */
  readonly clientName?: string
  /** How long one request may take, with its retries; 30 s by default. A peer that misses it is disconnected. */
  readonly requestTimeoutMs?: number
  /** How long it waits before it tries again, and when it gives up. */
  readonly retry?: Partial<RetryPolicy>
  /** Closes the client when it fires; everything that waits then rejects. */
  readonly signal?: AbortSignal
  /** Called for what the client does by itself. Must not throw. */
  readonly log?: (entry: LogEntry) => void
  /** Replaces time and chance, for tests. */
  readonly rim?: Partial<Rim>
}

/** Time and chance as the client sees them. */
export interface Rim {
  /** Milliseconds that never go back; measures waits. */
  readonly monotonic: () => number
  /** Milliseconds since the epoch; stamps records. */
  readonly clock: () => number
  /** From 0 up to 1. */
  readonly random: () => number
  /** Bytes that nobody can guess; of them the secrets of producers are made. */
  readonly randomBytes: (length: number) => Uint8Array
}

export interface Settings extends Rim {
  readonly dial: Dial
  readonly clientName: string
  readonly requestTimeoutMs: number
  readonly retry: RetryPolicy
  readonly log: (entry: LogEntry) => void
}

/** Options with defaults. They were checked by the table; throws `invalidArgument` where two of them contradict each other. */
export function resolveSettings(options: ConnectOptions): Settings {
  const { retry = {}, rim = {} } = options
  const { requestTimeoutMs, retry: retryOption } = optionTable.connect
  const { backoffMinMs: min, backoffMaxMs: max, giveUpAfterMs: giveUp } = retryOption.fields
  const backoffMinMs = retry.backoffMinMs ?? min.default
  const backoffMaxMs = retry.backoffMaxMs ?? Math.max(backoffMinMs, max.default)
  if (backoffMaxMs < backoffMinMs) {
    throw new MillraceError(
      'invalidArgument',
      `retry.backoffMaxMs is ${backoffMaxMs}; it must not be below retry.backoffMinMs, ${backoffMinMs}.`,
    )
  }
  return Object.freeze({
    dial: options.dial ?? dialTcp,
    clientName: options.clientName ?? 'millrace-client',
    requestTimeoutMs: options.requestTimeoutMs ?? requestTimeoutMs.default,
    retry: Object.freeze({
      backoffMinMs,
      backoffMaxMs,
      giveUpAfterMs: retry.giveUpAfterMs ?? giveUp.default,
    }),
    log: options.log ?? (() => {}),
    monotonic: rim.monotonic ?? (() => performance.now()),
    clock: rim.clock ?? Date.now,
    random: rim.random ?? Math.random,
    randomBytes: rim.randomBytes ?? randomBytes,
  })
}

/** Bounds that the client keeps beside those of the protocol. */
export const clientLimits = {
  /** Streams whose routing, and whose producer behind `put`, the client keeps at a time; producers that are in use stay. */
  streamsKept: 1024,
  /** Addresses that the client remembers before it forgets those without a connection. */
  linksKept: 256,
  /** Requests that ask for the place of shards, at a time. */
  resolvesInFlight: 64,
  /** Requests that ask for the shards of streams, at a time: more than a connection takes may be wanted at once. */
  routingsInFlight: 128,
  /** Requests of one connection that appends may use up: the rest is for those who read. */
  appendsInFlight: 512,
  /** Bounds of the wait before the place of a shard is asked for again. */
  rerouteMsMin: 10,
  rerouteMsMax: 100,
  /** How often a change that takes long is asked how far it is, for whoever wants to know. */
  progressMs: 250,
  /** How often deadlines are looked at: what a deadline may be late by. */
  sweepMs: 200,
  /** A subscription that misses so many heartbeats in a row takes its connection for dead. */
  heartbeatsMissedMax: 4,
} as const
