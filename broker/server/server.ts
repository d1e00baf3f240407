// The server of a process: its listener, its sessions, one sweep over their deadlines, and the drain that ends them all.
// Runs on the main thread of controller and host. Every connection is counted from accept until it is gone; when the
// last is gone no timer is left.
import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from 'pino'
import { invariant, type InvariantError } from '../../protocol/invariant.ts'
import type { OperationOn } from '../../protocol/operations.ts'
import { ByteBudget, sessionLimits, type SessionLimits } from './admission.ts'
import { createDispatch, type ClientEventHandlers, type Handlers } from './dispatch.ts'
import { openListener, type Listener } from './listener.ts'
import { LiveSession, type SessionHome } from './live-session.ts'
import { noServerMetrics, type ServerMetrics } from './server-metrics.ts'
import { sessionOperations, type ServerIdentity } from './session-operations.ts'

export interface Server {
  /** Starts to accept TCP connections; rejects with the system's error. Port 0 picks a free one. */
  listen(at: { host: string; port: number }): Promise<{ port: number }>
  /** Takes a stream as a connection: the in-process transport. The server ends it. */
  accept(stream: Duplex, remote?: string): void
  /**
   * Stops accepting, tells every client, refuses new requests as `unavailable`, lets running ones finish until the
   * deadline, then ends every connection after its last answer. Fulfils when all are gone.
   */
  drain(deadlineMs: number): Promise<void>
  /** Ends every connection without waiting for running requests: they are answered `outcomeUnknown`. */
  close(): Promise<void>
  /** Connections, from accept until they are gone. */
  readonly sessionCount: number
}

/** hello and ping are served by the server itself; `handlers` cover the planes that the process serves. */
export interface ServerOptions<N extends OperationOn<'control' | 'data'>> {
  readonly identity: ServerIdentity
  readonly handlers: Handlers<N>
  readonly events?: ClientEventHandlers
  readonly maxConnections: number
  readonly log: Logger
  readonly metrics?: ServerMetrics
  /** Wall clock, milliseconds since the epoch. */
  readonly clock?: () => number
  /** Told of a broken invariant in a handler, after it was logged: the process must end. */
  readonly onBroken: (error: InvariantError) => void
  /** Where people find health and metrics: told to those who try HTTP here. */
  readonly adminUrl?: string
  readonly limits?: Partial<SessionLimits>
}

/** Connections above the limit that are being told so; beyond these, a connection is cut without a word. */
const TURNED_AWAY_MAX = 64

/** A server that listens to nothing yet. */
export function createServer<N extends OperationOn<'control' | 'data'>>(options: ServerOptions<N>): Server {
  return new SessionServer(options)
}

class SessionServer implements Server {
  readonly #maxConnections: number
  readonly #home: SessionHome
  readonly #sessions = new Set<LiveSession>()
  #listener: Listener | undefined
  #lastSessionId = 0
  #draining: Promise<void> | undefined
  #refusing = false
  #unanswered = 0
  /** Called after every request settled and every connection gone. */
  readonly #waiting = new Set<() => void>()
  /** Milliseconds of sweeps so far: the time in which sessions count their deadlines. */
  #sweptMs = 0
  #sweeper: NodeJS.Timeout | undefined

  constructor(options: ServerOptions<never>) {
    const { identity, log, metrics = noServerMetrics, clock = Date.now, onBroken } = options
    const bounds = { ...sessionLimits, ...options.limits }
    this.#maxConnections = options.maxConnections
    const isRefusing = () => this.#refusing
    this.#home = {
      limits: bounds,
      log,
      metrics,
      received: new ByteBudget(bounds.receivedBytesMax),
      dispatch: createDispatch({
        handlers: { ...options.handlers, ...sessionOperations(identity, clock) },
        events: options.events ?? {},
        processName: identity.role === 'host' ? `host ${identity.hostId}` : 'the controller',
        log,
        onBroken,
      }),
      adminUrl: options.adminUrl,
      get refusing() {
        return isRefusing()
      },
      onAdmitted: () => {
        this.#unanswered++
      },
      onSettled: () => {
        this.#unanswered--
        this.#progress()
      },
      onGone: (session) => this.#forget(session),
    }
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  async listen(at: { host: string; port: number }): Promise<{ port: number }> {
    invariant(this.#listener === undefined, 'a server listens once')
    this.#listener = await openListener({
      ...at,
      onSocket: (socket, remote) => this.accept(socket, remote),
      onError: (error) => this.#home.log.error({ err: error }, 'a connection could not be accepted'),
    })
    return { port: this.#listener.port }
  }

  accept(stream: Duplex, remote = 'in process'): void {
    const { metrics, limits } = this.#home
    const full = this.#sessions.size >= this.#maxConnections
    if (full || this.#refusing) metrics.connectionRefused()
    if (this.#sessions.size >= this.#maxConnections + TURNED_AWAY_MAX) {
      stream.on('error', () => {}) // nobody is left to be told
      stream.destroy()
      return
    }
    metrics.connectionOpened()
    const session = new LiveSession(stream, this.#home, {
      id: ++this.#lastSessionId,
      remote,
      sweptMs: this.#sweptMs,
    })
    this.#sessions.add(session)
    this.#sweeper ??= setInterval(this.#sweep, limits.sweepMs).unref()
    if (this.#refusing) session.close('unavailable', 'This process is about to stop.')
    else if (full)
      session.close('overloaded', `This process has ${this.#maxConnections} connections, its limit.`)
  }

  drain(deadlineMs: number): Promise<void> {
    this.#draining ??= this.#drainUntil(deadlineMs)
    return this.#draining
  }

  async close(): Promise<void> {
    this.#stopAccepting()
    for (const session of this.#sessions) session.abort()
    await nextTurn() // handlers that heed the signal answer for themselves
    for (const session of this.#sessions) session.finish()
    await this.#until(() => this.#sessions.size === 0)
  }

  async #drainUntil(deadlineMs: number): Promise<void> {
    this.#stopAccepting()
    for (const session of this.#sessions) session.announceDraining(deadlineMs)
    // A request that crosses the announcement on its way here is still answered.
    const graceMs = this.#sessions.size === 0 ? 0 : Math.min(deadlineMs, this.#home.limits.drainGraceMs)
    await this.#until(() => this.#sessions.size === 0, graceMs)
    await this.#until(() => this.#unanswered === 0, deadlineMs - graceMs)
    await this.close()
  }

  #stopAccepting(): void {
    this.#refusing = true
    this.#listener?.close()
  }

  #forget(session: LiveSession): void {
    this.#home.metrics.connectionClosed(session.reason)
    this.#sessions.delete(session)
    if (this.#sessions.size === 0) {
      clearInterval(this.#sweeper)
      this.#sweeper = undefined
    }
    this.#progress()
  }

  #progress(): void {
    for (const look of this.#waiting) look()
  }

  /** Fulfils when the condition holds, or after `waitMs`. */
  #until(condition: () => boolean, waitMs?: number): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve()
      }
      const look = () => {
        if (condition()) done()
      }
      const timer = waitMs === undefined ? undefined : setTimeout(done, waitMs)
      this.#waiting.add(look)
    })
  }

  readonly #sweep = (): void => {
    this.#sweptMs += this.#home.limits.sweepMs
    for (const session of this.#sessions) session.sweep(this.#sweptMs)
  }
}
