// The options of `connect`, resolved once with their defaults, and the limits of the client. Runs in the client. The other files
// take time and random numbers from here: none calls a clock or a random source itself.
import { randomBytes } from 'node:crypto'
import { MillraceError } from '../protocol/millrace-error.ts'
import { Encryption } from './encryption/encryption.ts'
import type { EncryptionOptions } from './encryption/options.ts'
import { optionTable } from './options/table.ts'
import type { BrokerUrl } from './connecting/address.ts'
import { tlsDialer, type AskTls, type TlsOptions } from './connecting/tls-transport.ts'
import { askToken, type GiveToken } from './connecting/token.ts'
import { dialTcp, type Dial } from './connecting/transport.ts'
import { checkTls } from './options/check.ts'

/** How long the client waits before it tries again: min × 2^attempt up to max, the upper half at random. */
export interface RetryPolicy {
  /** 50 ms by default. */
  readonly backoffMinMs: number
  /** 2 s by default. */
  readonly backoffMaxMs: number
  /** A reader, a subscription or a watch gives up after this long without an answer. Never, by default. */
  readonly giveUpAfterMs: number
}

/** Options of every call. */
export interface CallOptions {
  /** Ends the wait: the call rejects with `aborted`. */
  readonly signal?: AbortSignal
}

/** A log entry about what the client does by itself: it reconnects, tries again, or gets a new routing. */
export interface LogEntry {
  /** Severity. */
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

/** Options of `connect`. */
export interface ConnectOptions {
  /**
   * Opens byte streams. By default TCP, and TLS over TCP for `millraces://`; one of your own is used for both, and protects the
   * bytes by itself. An in-process broker has its own.
   */
  readonly dial?: Dial
  /** What the client trusts and shows over TLS, for `millraces://`; a function is asked at each dial. */
  readonly tls?: TlsOptions | AskTls
  /**
   * Says who the client is: a token, or a function that returns one, which is asked at each dial. It is sent over TLS, to this
   * machine, and by a `dial` of your own; never in plain text to another machine.
   */
  readonly token?: string | GiveToken
  /**
   * The principal to act as: the client has its grants, quotas, producers and consumers, in place of those of the token's own principal,
   * which must have the grant `*:*:admin`. For programs that serve others by their names. The broker must want to know who asks.
   */
  readonly actAs?: string
  /** Shown in the broker's logs. */
  readonly clientName?: string
  /** How long one request may take, retries included; 30 s by default. A peer that takes longer is disconnected. */
  readonly requestTimeoutMs?: number
  /** How long the client waits before it tries again, and when it gives up. */
  readonly retry?: Partial<RetryPolicy>
  /**
   * Encrypts records before they leave, and decrypts those that are read: the broker holds no plaintext. It covers all that the
   * client appends and reads. Nothing is encrypted by default.
   */
  readonly encryption?: EncryptionOptions
  /** Closes the client when it fires; all waiting calls then reject. */
  readonly signal?: AbortSignal
  /** Called when the client does something by itself, and when records have waited for 5 s. Must not throw. */
  readonly log?: (entry: LogEntry) => void
  /** Replaces clocks and random sources, for tests. */
  readonly rim?: Partial<Rim>
}

/** The clocks and random sources of the client. */
export interface Rim {
  /** Returns milliseconds that never go back, to measure waits. */
  readonly monotonic: () => number
  /** Returns milliseconds since the epoch, to stamp records. */
  readonly clock: () => number
  /** Returns a number from 0 to below 1. */
  readonly random: () => number
  /** Returns bytes that cannot be guessed, for the secrets of producers. */
  readonly randomBytes: (length: number) => Uint8Array
}

export interface Settings extends Rim {
  readonly dial: Dial
  /** True if `dial` is the application's own. */
  readonly hasOwnDial: boolean
  /** Asked by `dial` for `millraces://`; undefined otherwise. */
  readonly tls: AskTls | undefined
  /** Asked for the token at each dial; undefined if the client has none. */
  readonly token: (() => Promise<string>) | undefined
  /** The principal to act as; undefined for that of the token. */
  readonly actAs: string | undefined
  readonly clientName: string
  readonly requestTimeoutMs: number
  readonly retry: RetryPolicy
  /** Undefined where nothing is encrypted, and nothing encrypted can be read. */
  readonly encryption: Encryption | undefined
  readonly log: (entry: LogEntry) => void
}

/**
 * Fills in defaults of options that the table has checked. Throws `invalidArgument` if two options, or an option and the url,
 * contradict each other.
 */
export function resolveSettings(options: ConnectOptions, url: BrokerUrl = PLAIN): Settings {
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
  const tls = askTls(options, url)
  const hosts = url.addresses.map(({ host }) => host)
  const { encryption } = options
  const requestMs = options.requestTimeoutMs ?? requestTimeoutMs.default
  const monotonic = rim.monotonic ?? (() => performance.now())
  return Object.freeze({
    dial: options.dial ?? (tls === undefined ? dialTcp : tlsDialer(tls, hosts)),
    hasOwnDial: options.dial !== undefined,
    tls,
    token: askToken(options.token),
    actAs: actAsOf(options),
    clientName: options.clientName ?? 'millrace-client',
    requestTimeoutMs: requestMs,
    retry: Object.freeze({
      backoffMinMs,
      backoffMaxMs,
      giveUpAfterMs: retry.giveUpAfterMs ?? giveUp.default,
    }),
    encryption: encryption && new Encryption(encryption, { monotonic, requestTimeoutMs: requestMs }),
    log: options.log ?? (() => {}),
    monotonic,
    clock: rim.clock ?? Date.now,
    random: rim.random ?? Math.random,
    randomBytes: rim.randomBytes ?? randomBytes,
  })
}

/** Who acts as another shows by a token who he is himself. */
function actAsOf({ actAs, token }: ConnectOptions): string | undefined {
  if (actAs === undefined || token !== undefined) return actAs
  const message = 'actAs is given without a token: give the token of a principal that may act as others.'
  throw new MillraceError('invalidArgument', message)
}

const PLAIN: BrokerUrl = { isSecure: false, addresses: [] }

/** Returns the function to ask for TLS options, which checks what the application's function returns. */
function askTls({ tls }: ConnectOptions, { isSecure }: BrokerUrl): AskTls | undefined {
  if (!isSecure && tls !== undefined) {
    const message =
      'tls is given, but a url with millrace:// names a plaintext connection; write millraces://.'
    throw new MillraceError('invalidArgument', message)
  }
  if (!isSecure) return undefined
  if (typeof tls !== 'function') return () => tls ?? {}
  return async () => {
    const given = await tls()
    checkTls(given)
    return given
  }
}

/** Limits of the client, beside those of the protocol. */
export const clientLimits = {
  /** Most streams whose routing and producer behind `put` the client keeps; producers in use stay beyond it. */
  streamsKept: 1024,
  /** Most addresses that the client remembers before it forgets those without a connection. */
  linksKept: 256,
  /** Most concurrent requests that resolve positions. */
  resolvesInFlight: 64,
  /** Most concurrent requests for routings. A program may ask for more at once than a connection takes. */
  routingsInFlight: 128,
  /** Most concurrent appends on one connection. The other requests are left to readers. */
  appendsInFlight: 512,
  /** Bounds of the wait before a routing is requested again. */
  rerouteMsMin: 10,
  rerouteMsMax: 100,
  /** Attempts for which those bounds hold: some seconds. Then the place is asked for as seldom as anything that fails. */
  reroutesSoon: 50,
  /** How long a broker may ask to wait, at most: after that it is asked again. A timer holds no more than 24 days. */
  askedMsMax: 60_000,
  /** How often `onProgress` is called during a long change. */
  progressMs: 250,
  /** How long one request of a watch waits for a change of documents. */
  documentWaitMs: 10_000,
  /** How long documents that are kept in memory are not watched after their watch has failed. */
  keepAgainMs: 1000,
  /** Bounds of the wait before a document is read again after a conflicting change. */
  conflictBackoff: { backoffMinMs: 5, backoffMaxMs: 250 },
  /** How often deadlines are checked; a deadline may be late by as much. */
  sweepMs: 200,
  /** Number of missed heartbeats in a row after which a subscription closes its connection. */
  heartbeatsMissedMax: 4,
} as const
