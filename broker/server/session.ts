// What a handler sees of one connected client. Runs in every process that listens, on its main thread. Types only.
// A session lasts from an accepted hello to the end of its connection; what is sent after that is dropped.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import type { EventFrom } from '../../protocol/events.ts'
import type { EventToSend } from '../../protocol/frame/messages.ts'
import type { OperationName } from '../../protocol/operations.ts'
import type { Acting, TokenBearer } from '../access/bearer.ts'
import type { SessionUsage } from '../access/quotas/session-usage.ts'
import type { Identity } from '../access/identity.ts'

/** Why a connection ended: the client left, the network failed, this process stops, or a rule named by its error code. */
export type CloseReason = 'clientLeft' | 'networkFailed' | 'shutdown' | ErrorCode

/** What was refused, and the missing grant as one would write it. */
export interface DeniedPart {
  readonly operation: OperationName
  /** Name of the stream. */
  readonly resource: string
  readonly missing: string
  /** The code that the client is told. */
  readonly code: ErrorCode
}

export interface Session {
  /** Unique within this process. */
  readonly id: number
  /** Address of the peer, for logs. */
  readonly remote: string
  /** Name and version that the client gave when it introduced itself; empty before that. */
  readonly client: string
  /** Who asks. Look at it at each request: it changes while the session lasts. */
  readonly identity: Identity
  /**
   * The listener is called when the identity was replaced, or a grant of it has ended: look again at what waits or goes on.
   * Returns a function that takes the listener away.
   */
  onIdentity(listener: () => void): () => void
  /** Notes that a part of a request, or what a request began, was refused because a grant is missing. */
  denied(what: DeniedPart): void
  /**
   * Takes a token; returns whose it is, or as whom its principal acts, and when it expires. Throws `unauthenticated` for one that
   * proves nothing, `invalidArgument` for one of another principal than that of the session, `permissionDenied` and
   * `principalNotFound` where its principal may not act so.
   */
  authenticate(token: string, acting?: Acting): TokenBearer
  /** Stores the name and version that the client gives. Called by the operation that opens a session. */
  introduce(client: string): void
  /** Queues an event, which leaves in one write with everything else of this turn. Ignored once the session is closing. */
  sendEvent<N extends EventFrom<'broker'>>(event: N, body: EventToSend<N>): void
  /** What the session counts against. */
  readonly usage: SessionUsage
  /** True while a quota of bytes a second is used up: send no more until `onDrain`. It is not the client's fault. */
  readonly isPaused: boolean
  /** Bytes handed to the connection and not yet taken by the kernel. */
  readonly queuedBytes: number
  /** While `queuedBytes` is above this, send no more until `onDrain`. */
  readonly highWaterBytes: number
  /** Bytes of data that one more answer or event may have, unless a single batch is larger. Falls as memory is used up. */
  readonly answerBytesMax: number
  /** The listener is called whenever `queuedBytes` falls to a quarter of `highWaterBytes` after it was above it, and after a pause. */
  onDrain(listener: () => void): void
  /** The listener is called once, when the session ends; at once if it has ended. */
  onClose(listener: () => void): void
  /** Pauses reading from the peer until as many `releaseReading` calls as holds: back-pressure on producers. */
  holdReading(): void
  releaseReading(): void
  /** Tells the client why, and ends the connection. */
  close(code: ErrorCode, message: string): void
}
