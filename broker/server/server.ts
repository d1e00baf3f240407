// The server of a process: its listener, its sessions, one sweep over their deadlines, and the drain that ends them all.
// Runs on the main thread of controller and host. Every connection is counted from accept until it is gone; after the
// last one no timer is left.
import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { InvariantError } from '../../protocol/invariant.ts'
import type { OperationOn } from '../../protocol/operations.ts'
import { noAudit, type Audit } from '../telemetry/audit/audit.ts'
import { createGate, type StreamNameOf } from '../access/gate.ts'
import type { Instruments } from '../telemetry/instruments.ts'
import { openPolicy, type Policy } from '../access/policy.ts'
import type { QuotaSettings } from '../access/quotas/quotas.ts'
import { TokenUses, type TokenUse } from '../access/token-uses.ts'
import { tellOver } from './accounting/audited.ts'
import { ConnectionPlaces } from './accounting/connection-places.ts'
import { QuotaDesk } from './accounting/quota-desk.ts'
import { ByteBudget, requestsMaxOf, sessionLimits, type SessionLimits } from './admission.ts'
import { createDispatch, type ClientEventHandlers, type Handlers, type Refusal } from './dispatch.ts'
import { LiveSession } from './live-session.ts'
import { OutputBudget } from './output-budget.ts'
import type { Peer, SessionHome } from './session-home.ts'
import { addressOf, ServerPort } from './transport/server-port.ts'
import type { Session } from './session.ts'
import { sessionOperations, type ServerIdentity, type SessionDesk } from './session-operations.ts'
import type { ServedCertificates } from '../certificates-contract.ts'
import { systemTime, type Clock } from '../time.ts'

export interface Server {
  /** Starts to accept TCP connections; rejects with the system's error. Port 0 picks a free port. */
  listen(at: { host: string; port: number }): Promise<{ port: number }>
  /** Takes a stream as a connection, as the in-process transport does. The server ends the stream. */
  accept(stream: Duplex, from?: Peer): void
  /**
   * Serves by this policy from now on, unless it serves by a newer one. Sessions whose clients are no longer known by it end; `asker` does so after its next
   * answer. All others go on.
   */
  enforce(policy: Policy, asker?: Session): void
  /** Returns the ids of the tokens that were in use since the last call, with the time of their last use. */
  takeTokenUses(): readonly TokenUse[]
  /** Shows and trusts these certificates in handshakes from now on. Does nothing in a server without TLS. */
  renewCertificates(certificates: ServedCertificates): void
  /**
   * Stops accepting, tells every client, refuses new requests as `unavailable`, lets running requests finish until the
   * deadline, then ends every connection after its last answer. Fulfils when all connections are gone.
   */
  drain(deadlineMs: number): Promise<void>
  /** Ends every connection without waiting for running requests: these are answered `outcomeUnknown`. */
  close(): Promise<void>
  /** Connections, from accept until they are gone. */
  readonly sessionCount: number
  /** What is enforced now. */
  readonly policy: Policy
}

/** The server itself serves hello, authenticate and ping; `handlers` cover the planes that the process serves. */
export interface ServerOptions<N extends OperationOn<'control' | 'data'>> {
  readonly identity: ServerIdentity
  /** Default: everyone may do everything. */
  readonly policy?: Policy
  readonly handlers: Handlers<N>
  readonly events?: ClientEventHandlers
  readonly maxConnections: number
  /** What principals and addresses may take, as far as it is set. */
  readonly quotas?: QuotaSettings
  readonly log: Logger
  readonly metrics: Instruments
  /** Where denials and administrative changes are written down; nowhere by default. */
  readonly audit?: Audit
  /** Wall clock, milliseconds since the epoch. */
  readonly now?: Clock
  /** Called with a broken invariant of a handler, after it was logged: the process must end. */
  readonly onBroken: (error: InvariantError) => void
  /** URL of the admin port, named in the answer to clients that speak HTTP to this port. */
  readonly adminUrl?: string
  readonly limits?: Partial<SessionLimits>
  /** The name of a stream whose id requests give: needed where the process serves the data plane. */
  readonly streamNameOf?: StreamNameOf
  /** Makes the port speak TLS, and nothing else. Streams that are handed to `accept` are taken as they are. */
  readonly certificates?: ServedCertificates | undefined
}

const IN_PROCESS: Peer = { remote: 'in process', arrival: { isPrivate: true, certificateNames: [] } }

/** Connections above the limit that are told so before they are closed; further ones are cut without a message. */
const TURNED_AWAY_MAX = 64

/** Makes a server; it accepts nothing before `listen` or `accept`. */
export function createServer<N extends OperationOn<'control' | 'data'>>(options: ServerOptions<N>): Server {
  return new SessionServer(options)
}

class SessionServer implements Server {
  readonly #connectionsMax: number
  readonly #home: SessionHome
  readonly #output: OutputBudget
  readonly #sessions = new Set<LiveSession>()
  readonly #places: ConnectionPlaces<LiveSession>
  readonly #quotas: QuotaDesk
  #highWaterBytes: number
  readonly #port: ServerPort
  #lastSessionId = 0
  #draining: Promise<void> | undefined
  #refusing = false
  #unanswered = 0
  /** Functions to call after every answered request and every connection that is gone. */
  readonly #waiting = new Set<() => void>()
  /** Milliseconds counted in sweeps so far; sessions measure their deadlines in it. */
  #sweptMs = 0
  #sweeper: NodeJS.Timeout | undefined
  #policy: Policy
  readonly #tokenUses = new TokenUses()

  constructor(options: ServerOptions<never>) {
    const { identity, log, metrics, now = systemTime.now, onBroken } = options
    const bounds = { ...sessionLimits, ...options.limits }
    this.#policy = options.policy ?? openPolicy
    this.#port = new ServerPort({
      certificates: options.certificates,
      helloDeadlineMs: bounds.helloDeadlineMs,
      onSocket: (socket, peer) => this.accept(socket, peer),
      log,
      metrics,
    })
    this.#output = new OutputBudget({
      bytesMax: bounds.queuedBytesOfAllMax,
      highWaterBytesMax: bounds.highWaterBytes,
    })
    this.#quotas = new QuotaDesk({ settings: options.quotas, metrics, output: this.#output })
    const isRefusing = () => this.#refusing
    const highWaterBytes = () => this.#highWaterBytes
    const requestsMax = () =>
      requestsMaxOf(bounds, { unanswered: this.#unanswered, sessions: this.#sessions.size })
    const answerBytesMax = () => this.#output.answerBytes(this.#sessions.size)
    const sweptMs = () => this.#sweptMs
    const policy = () => this.#policy
    const connectionsMax = (this.#connectionsMax = options.maxConnections)
    this.#places = new ConnectionPlaces({ connectionsMax, sessions: this.#sessions, log, sweptMs })
    this.#home = {
      limits: bounds,
      log,
      metrics,
      audit: options.audit ?? noAudit,
      received: new ByteBudget(bounds.receivedBytesMax),
      output: this.#output,
      get highWaterBytes() {
        return highWaterBytes()
      },
      get requestsMax() {
        return requestsMax()
      },
      get answerBytesMax() {
        return answerBytesMax()
      },
      get sweptMs() {
        return sweptMs()
      },
      dispatch: createDispatch({
        gate: createGate(options.streamNameOf),
        handlers: { ...options.handlers, ...sessionOperations(identity, this.#desk(options, now)) },
        events: options.events ?? {},
        processName: identity.role === 'host' ? `host ${identity.hostId}` : 'the controller',
        log,
        onBroken,
      }),
      adminUrl: options.adminUrl,
      get refusing() {
        return isRefusing()
      },
      get policy() {
        return policy()
      },
      now,
      onAdmitted: () => {
        this.#unanswered++
      },
      onSettled: () => {
        this.#unanswered--
        this.#progress()
      },
      onOutputGrown: () => {
        this.#quotas.cutOverdrawn(this.#sessions)
        this.#cutNonReaders()
      },
      pauses: this.#quotas.pauses,
    }
    this.#highWaterBytes = bounds.highWaterBytes
  }

  /** What hello, authenticate and ping need. */
  #desk({ log, metrics }: Pick<ServerOptions<never>, 'log' | 'metrics'>, now: Clock): SessionDesk {
    return {
      now,
      access: () => this.#policy.access,
      onTokenUsed: ({ remote }, tokenId) => {
        this.#tokenUses.add(tokenId, now())
        this.#quotas.loginSucceeded(remote)
      },
      onLoginFailed: ({ id: session, remote }, { message }) => {
        metrics.millrace_logins_failed_total.add(1)
        this.#quotas.loginFailed(remote)
        log.debug({ session, remote, detail: message }, 'a client did not prove who it is')
      },
    }
  }

  get policy(): Policy {
    return this.#policy
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  listen(at: { host: string; port: number }): Promise<{ port: number }> {
    return this.#port.listen(at)
  }

  renewCertificates(certificates: ServedCertificates): void {
    this.#port.renewCertificates(certificates)
  }

  accept(stream: Duplex, from: Peer = IN_PROCESS): void {
    const { metrics, limits } = this.#home
    const address = addressOf(from.remote)
    const full = !this.#refusing && !this.#places.hasRoomFor(address)
    if (full || this.#refusing) metrics.millrace_connections_refused_total.add(1)
    if (this.#places.occupied >= this.#connectionsMax + TURNED_AWAY_MAX) {
      stream.on('error', () => {}) // an unhandled error event would end the process
      stream.destroy()
      return
    }
    metrics.millrace_connections_opened_total.add(1)
    metrics.millrace_connections.add(1)
    const onGone = () => this.#forget(session)
    const id = ++this.#lastSessionId
    const usage = this.#quotas.usageOf(from.remote)
    const session: LiveSession = new LiveSession(stream, this.#home, { ...from, id, address, usage, onGone })
    this.#sessions.add(session)
    this.#places.joined(session)
    this.#sessionsChanged()
    this.#sweeper ??= setInterval(this.#sweep, limits.sweepMs).unref()
    const refusal = this.#refusalOf(session, full)
    if (refusal !== undefined) return session.close(refusal.code, refusal.message)
    session.onIdentity(() => {
      const over = usage.identify(session.identity.principal)
      if (over === undefined) return
      tellOver(this.#home.audit, session, over)
      session.close(over.code, over.message)
    })
  }

  /** Returns why a new connection is turned away; undefined where it is served. */
  #refusalOf(session: LiveSession, isFull: boolean): Refusal | undefined {
    const { remote, usage, identity } = session
    if (this.#refusing) return { code: 'unavailable', message: 'This process is about to stop.' }
    if (isFull) {
      const message = `This process has ${this.#connectionsMax} connections, its limit, and all are at work.`
      return { code: 'overloaded', message }
    }
    const { audit } = this.#home
    const retryAfterMs = this.#quotas.turnedAwayMs(remote)
    if (retryAfterMs > 0) {
      audit.record('loginsThrottled', { address: remote, outcome: 'throttled' })
      const message = `Too many credentials from this address were refused. Try again in ${retryAfterMs} ms.`
      return { code: 'throttled', message, retryAfterMs }
    }
    const over = usage.connect() ?? usage.identify(identity.principal)
    if (over !== undefined) tellOver(audit, session, over)
    return over
  }

  /** Cuts sessions until the memory that queued output holds is within its bound. */
  #cutNonReaders(): void {
    for (const session of this.#output.cutOrder(this.#sessions)) {
      if (!this.#output.isExceeded) return
      const message =
        `Output that waits to be sent to all clients of this process may hold ${this.#output.bytesMax} bytes; ` +
        `what waits for this client, which does not take it, holds ${session.heldBytes}.`
      session.cut('slowConsumer', message)
    }
  }

  #sessionsChanged(): void {
    this.#highWaterBytes = this.#output.highWaterBytes(this.#sessions.size)
  }

  enforce(policy: Policy, asker?: Session): void {
    if (policy.version < this.#policy.version) return
    this.#policy = policy
    for (const session of this.#sessions) session.follow(policy, session === asker)
  }

  takeTokenUses(): readonly TokenUse[] {
    return this.#tokenUses.take(this.#sessions, this.#home.now())
  }

  drain(deadlineMs: number): Promise<void> {
    this.#draining ??= this.#drainUntil(deadlineMs)
    return this.#draining
  }

  async close(): Promise<void> {
    this.#stopAccepting()
    for (const session of this.#sessions) session.abort()
    await nextTurn() // handlers that listen to the signal answer in this turn
    for (const session of this.#sessions) session.finish()
    await this.#until(() => this.#sessions.size === 0)
  }

  async #drainUntil(deadlineMs: number): Promise<void> {
    this.#stopAccepting()
    for (const session of this.#sessions) session.announceDraining(deadlineMs)
    // Connections stay open for a while, so that requests which crossed the announcement are answered too.
    const graceMs = this.#sessions.size === 0 ? 0 : Math.min(deadlineMs, this.#home.limits.drainGraceMs)
    await this.#until(() => this.#sessions.size === 0, graceMs)
    await this.#until(() => this.#unanswered === 0, deadlineMs - graceMs)
    await this.close()
  }

  #stopAccepting(): void {
    this.#refusing = true
    this.#port.close()
  }

  #forget(session: LiveSession): void {
    const { metrics } = this.#home
    metrics.millrace_connections_closed_total.add(1, session.reason)
    metrics.millrace_connections.add(-1)
    this.#sessions.delete(session)
    session.usage.end()
    this.#places.gone(session)
    this.#sessionsChanged()
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
    this.#places.sweep()
    this.#quotas.sweep()
    this.#home.metrics.millrace_queued_output_bytes.set(this.#output.bytes)
    for (const session of this.#sessions) session.sweep()
  }
}
