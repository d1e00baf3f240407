// What all sessions of a server share: bounds that they keep together, and whom they tell; and what one begins with. Types only.
import type { Logger } from 'pino'
import type { Audit } from '../telemetry/audit/audit.ts'
import type { Arrival } from '../access/bearer.ts'
import type { SessionUsage } from '../access/quotas/session-usage.ts'
import type { Policy } from '../access/policy.ts'
import type { Clock } from '../time.ts'
import type { Instruments } from '../telemetry/instruments.ts'
import type { Pauses } from './accounting/pauses.ts'
import type { ByteBudget, SessionLimits } from './admission.ts'
import type { Dispatch } from './dispatch.ts'
import type { OutputBudget } from './output-budget.ts'
import type { Secured } from './transport/connection.ts'

/** How a connection came, or how it will have come when its handshake is over: before hello. */
export interface SecurableArrival extends Arrival {
  /** Makes the stream secure, where the port speaks TLS. */
  readonly handshake?: () => Promise<Secured>
}

/** Where a connection comes from. By default it comes from this process. */
export interface Peer {
  /** Address of the peer, for logs: `10.1.2.3:4567`. */
  readonly remote: string
  readonly arrival: SecurableArrival
}

/** What a session is made for. */
export interface SessionOrigin {
  /** Unique within this process. */
  readonly id: number
  readonly remote: string
  /** The peer's address without its port. */
  readonly address: string
  readonly arrival: SecurableArrival
  /** What the session counts against. */
  readonly usage: SessionUsage
  /** Called last, once: the connection is gone. */
  readonly onGone: () => void
}

export interface SessionHome {
  readonly limits: SessionLimits
  readonly log: Logger
  readonly metrics: Instruments
  readonly audit: Audit
  /** Budget of received bytes that are not answered yet. */
  readonly received: ByteBudget
  /** Budget of the memory that what waits to be sent holds. */
  readonly output: OutputBudget
  /** A session with more queued bytes starts no new request; falls as the number of sessions rises. */
  readonly highWaterBytes: number
  /** How many unanswered requests a session may have; falls when those of all sessions are many. */
  readonly requestsMax: number
  /** How large one more answer of data may be; falls as memory for output is used up. */
  readonly answerBytesMax: number
  /** Milliseconds counted in sweeps so far. */
  readonly sweptMs: number
  readonly dispatch: Dispatch
  /** Who may do what, as of now. */
  readonly policy: Policy
  /** Wall clock, milliseconds since the epoch. */
  readonly now: Clock
  /** URL of the admin port, if there is one. */
  readonly adminUrl: string | undefined
  /** The process is about to stop: new requests are refused. */
  readonly refusing: boolean
  onAdmitted(): void
  /** An admitted request was answered. */
  onSettled(): void
  /** The queued output of all sessions, or that of an account, may be above its bound. */
  onOutputGrown(): void
  readonly pauses: Pauses
}
