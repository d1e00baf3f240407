// One client's connection from accept to close: admits its requests, tracks unanswered ones, and ends it. Runs on the main
// thread of every process that listens. Every request that was read is answered once, unless its session has ended. A
// session ends for one reason, which the client is told where possible, and which log and metrics name.
import { setMaxListeners } from 'node:events'
import type { Duplex } from 'node:stream'
import type { ErrorCode } from '../../protocol/error-codes.ts'
import type { EventFrom } from '../../protocol/events.ts'
import { limits } from '../../protocol/limits.ts'
import {
  decodeMessage,
  encodeError,
  encodeEvent,
  RequestRefused,
  type EventToSend,
  type Message,
  type RequestMessage,
} from '../../protocol/frame/messages.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { operations, type OperationName } from '../../protocol/operations.ts'
import type { Acting, TokenBearer } from '../access/bearer.ts'
import type { Identity } from '../access/identity.ts'
import type { SessionUsage } from '../access/quotas/session-usage.ts'
import type { Policy } from '../access/policy.ts'
import { SessionWatch } from './admission.ts'
import { Connection, type ConnectionOwner, type Malformation } from './transport/connection.ts'
import { SessionPacing } from './accounting/pacing.ts'
import { tellAnswer, tellDenied, tellEnded } from './accounting/audited.ts'
import { fail, type Answering, type Context, type Refusal } from './dispatch.ts'
import { refusalAt } from './gate.ts'
import type { Occupant } from './making-room.ts'
import { OutputShare, type Sender } from './output-budget.ts'
import type { SessionHome, SessionOrigin } from './session-home.ts'
import type { CloseReason, DeniedPart, Session } from './session.ts'
import { SessionStage } from './session-stage.ts'
import { httpRefusal } from './transport/stray-protocols.ts'
import { malformedRefusal, UNDECODABLE, unreadableRefusal } from './transport/unreadable.ts'
import { UnansweredRequests } from './unanswered-requests.ts'

export class LiveSession implements Session, ConnectionOwner, Answering, Sender {
  readonly id: number
  readonly remote: string
  /** The peer's address without its port. */
  readonly address: string
  client = ''
  readonly usage: SessionUsage
  readonly #home: SessionHome
  readonly #onGone: () => void
  readonly #connection: Connection
  readonly #pacing: SessionPacing
  readonly #watch: SessionWatch
  readonly #requests: UnansweredRequests
  readonly #context: Context<OperationName>
  readonly #abort = new AbortController()
  readonly #stage: SessionStage
  #reason: CloseReason = 'clientLeft'
  #unreadableInARow = 0
  /** Bytes that this session has taken from `home.received` for unread payloads and half frames. */
  #waitingBytes = 0
  readonly output: OutputShare
  #takenAtSweep = 0
  #hasAsked = false
  hasLeft = false
  /** When the client was accepted, last asked for something, or was last sent an event; in `sweptMs`. */
  #activeAt: number
  readonly #drainListeners: (() => void)[] = []
  readonly #closeListeners: (() => void)[] = []

  constructor(stream: Duplex, home: SessionHome, from: SessionOrigin) {
    this.id = from.id
    this.remote = from.remote
    this.address = from.address
    this.#home = home
    this.#onGone = from.onGone
    this.#activeAt = home.sweptMs
    this.#stage = new SessionStage(from.arrival, home.policy, home.now)
    this.output = new OutputShare(home.output)
    this.#watch = new SessionWatch(home.limits, home.sweptMs)
    setMaxListeners(0, this.#abort.signal) // every long-polling request may add a listener
    this.#context = { session: this, signal: this.#abort.signal, fail }
    this.#connection = new Connection(stream, this, {
      frameBytesMax: limits.frameBytesBeforeHello,
      held: this.output,
      highWaterBytes: () => home.highWaterBytes,
      handshake: from.arrival.handshake,
    })
    this.#requests = new UnansweredRequests(home.limits, home.received, this.#connection)
    const onResumed = (): void => this.onWritable()
    const { pauses } = home
    this.usage = from.usage
    this.#pacing = new SessionPacing({ usage: from.usage, pauses, connection: this.#connection, onResumed })
  }

  // Session: what handlers use.

  get identity(): Identity {
    return this.#stage.who.identity
  }

  authenticate(token: string, acting?: Acting): TokenBearer {
    return this.#stage.authenticate(token, acting)
  }

  onIdentity(listener: () => void): () => void {
    return this.#stage.who.onChange(listener)
  }

  readonly denied = (what: DeniedPart): void => tellDenied(this.#home.audit, this, what)

  get queuedBytes(): number {
    return this.#connection.queuedBytes
  }

  get highWaterBytes(): number {
    return this.#home.highWaterBytes
  }

  get isPaused(): boolean {
    return this.#pacing.isSendingPaused
  }

  get answerBytesMax(): number {
    return this.#home.answerBytesMax
  }

  sendEvent<N extends EventFrom<'broker'>>(event: N, body: EventToSend<N>): void {
    if (this.#stage.phase !== 'open') return
    this.#activeAt = this.#home.sweptMs
    this.#send(encodeEvent(event, body))
  }

  onDrain(listener: () => void): void {
    this.#drainListeners.push(listener)
  }

  onClose(listener: () => void): void {
    if (this.#stage.phase === 'closing') listener()
    else this.#closeListeners.push(listener)
  }

  introduce(client: string): void {
    this.client = client
  }

  holdReading(): void {
    this.#connection.hold()
  }

  releaseReading(): void {
    this.#connection.release()
  }

  close(code: ErrorCode, message: string): void {
    if (this.#stage.phase === 'closing') return
    const { asker } = this.#stage
    if (code === 'unauthenticated' && asker !== undefined) tellEnded(this.#home.audit, this, asker, message)
    this.#sendError(0, { code, message })
    this.#end(code, message)
  }

  // What the server uses.

  /** Why the session ended, once it has. */
  get reason(): CloseReason {
    return this.#reason
  }

  /** The session has ended; its connection may still be sending what is queued. */
  get isClosing(): boolean {
    return this.#stage.phase === 'closing'
  }

  /** Bytes of the buffers that hold what waits to be sent to this client. */
  get heldBytes(): number {
    return this.output.bytes
  }

  /** True if the client took bytes since the last sweep, or was accepted after it. */
  get isTaking(): boolean {
    return this.#connection.bytesTaken !== this.#takenAtSweep
  }

  /** Follows a new policy, which may end the session: see SessionStage. */
  follow(policy: Policy, isAsker: boolean): void {
    this.#leave(this.#stage.follow(policy, isAsker))
  }

  /** How useful the session is, for deciding which connection makes room for a new one. */
  get occupancy(): Omit<Occupant, 'address'> {
    return {
      isGreeting: this.#stage.isBeginning,
      hasAsked: this.#hasAsked,
      isBusy: this.#requests.size > 0 || this.queuedBytes > 0,
      quietMs: this.#home.sweptMs - this.#activeAt,
    }
  }

  /** Tells the client why, if the network takes the message at once, and frees everything. */
  cut(code: ErrorCode, message: string): void {
    this.output.giveUp()
    this.close(code, message)
    // One turn later, because by then the kernel has taken the message if it had room for it.
    setImmediate(() => this.#connection.destroy())
  }

  /** Ends the session because another connection needs its place. */
  leaveFor(message: string): void {
    this.hasLeft = true
    this.cut('overloaded', message)
  }

  /** Checks the deadlines, and ends the session where one has passed. */
  sweep(): void {
    const { framesReceived, midFrame, held, queuedBytes, bytesTaken } = this.#connection
    this.#takenAtSweep = bytesTaken
    this.#stage.who.look()
    const facts = { phase: this.#stage.phase, framesReceived, midFrame, held, queuedBytes, bytesTaken }
    const overdue = this.#watch.look(facts, this.#home.sweptMs) ?? this.#stage.overdue
    if (overdue === undefined) return
    const closing = this.#stage.phase === 'closing'
    this.close(overdue.code, overdue.message)
    // A client that does not read what is queued will not read the error behind it, so the memory is freed now.
    if (closing || queuedBytes > 0) this.#connection.destroy()
  }

  /** Tells the client that new requests are refused, and reads on, so that requests behind held reading are refused too. */
  announceDraining(deadlineMs: number): void {
    this.sendEvent('draining', { deadlineMs })
    this.#connection.ignoreHolds()
  }

  /** Aborts the signal that handlers listen to: their answers are soon of no use. */
  abort(): void {
    this.#abort.abort()
  }

  /** Answers running requests with `outcomeUnknown`, and ends the connection after everything that was sent. */
  finish(): void {
    const message = 'This process stops before the request is done: whether it takes effect is unknown.'
    for (const correlationId of this.#requests.ids()) {
      this.#refuseOpen(correlationId, { code: 'outcomeUnknown', message })
    }
    this.#end('shutdown', 'this process stops')
  }

  // Answering: what dispatch uses.

  answer(message: RequestMessage, chunks: readonly Uint8Array[]): void {
    const { correlationId } = message
    tellAnswer(this.#home.audit, this, message)
    if (!this.#settle(correlationId)) return
    // Before hello, only an opening request is answered.
    if (this.#stage.advance()) {
      this.#connection.frameBytesMax = limits.frameBytesMax
      this.#home.log.debug({ session: this.id, remote: this.remote, client: this.client }, 'session opened')
    }
    this.#send(chunks)
    this.#leave(this.#stage.endsAfterAnswer)
  }

  refuse(message: RequestMessage, refusal: Refusal): void {
    tellAnswer(this.#home.audit, this, message, refusal)
    this.#refuseOpen(message.correlationId, refusal)
  }

  // ConnectionOwner: what the connection calls.

  onBytes(count: number): void {
    this.#home.metrics.millrace_received_bytes_total.add(count)
    this.#pacing.received(count)
  }

  onPayload(payload: Uint8Array): void {
    let message: Message
    try {
      message = decodeMessage(payload)
    } catch (error) {
      return this.#onUnreadable(error)
    }
    if (message.kind === 'request') return this.#onRequest(message, payload.length)
    const refusal = this.#stage.refusalOf(message)
    if (refusal !== undefined) return this.#leave(refusal)
    if (message.kind === 'event') this.#home.dispatch.event(message, this)
  }

  onWaiting(bytes: number): void {
    if (this.#home.received.take(bytes - this.#waitingBytes)) this.#waitingBytes = bytes
    else this.close('overloaded', 'Half frames of all clients fill the room that this process has for them.')
  }

  onQueued(): void {
    if (this.#home.output.needsLook) this.#home.onOutputGrown()
  }

  onMalformed(error: Malformation, chunk: Uint8Array): void {
    const refusal = malformedRefusal(error, chunk, this.#connection.framesReceived === 0)
    if (refusal !== 'http') return this.close(refusal.code, refusal.message)
    this.#send([httpRefusal(this.#home.adminUrl)])
    this.#end(error.code, 'the client speaks HTTP')
  }

  onWritable(): void {
    for (const listener of this.#drainListeners) listener()
  }

  onPeerEnd(): void {
    this.#end('clientLeft', 'the client left')
  }

  onClosed(cause: Error | undefined): void {
    this.output.giveUp()
    this.#end(cause === undefined ? 'clientLeft' : 'networkFailed', cause?.message ?? 'the client left')
    this.#onGone()
  }

  #onUnreadable(error: unknown): void {
    if (error instanceof RequestRefused) return this.#onUnreadableRequest(error)
    if (!MillraceError.is(error)) this.#home.log.error({ session: this.id, err: error }, UNDECODABLE)
    this.#leave(unreadableRefusal(error))
  }

  #onUnreadableRequest({ correlationId, error }: RequestRefused): void {
    this.#refuseUnread(correlationId, error)
    const { unreadableInARowMax } = this.#home.limits
    if (++this.#unreadableInARow < unreadableInARowMax) return
    const message = `${unreadableInARowMax} requests in a row could not be read; the last: ${error.message}`
    this.close(error.code, message)
  }

  #onRequest(message: RequestMessage, bytes: number): void {
    const { correlationId, operation } = message
    if (correlationId === 0 || this.#requests.has(correlationId)) {
      const reason = `Correlation id ${correlationId} is 0, or belongs to a request that is not answered yet.`
      return this.close('malformedFrame', reason)
    }
    this.#unreadableInARow = 0
    this.#home.metrics.millrace_requests_total.add(1, operation)
    const refusal =
      refusalAt(operation, this.#stage.moment(this.#home.refusing)) ??
      this.#pacing.refusalOf(operation) ??
      this.#requests.admit(correlationId, bytes, this.#home.requestsMax)
    if (refusal !== undefined) {
      tellAnswer(this.#home.audit, this, message, refusal)
      return this.#refuseUnread(correlationId, refusal)
    }
    if (operations[operation].plane !== 'session') {
      this.#hasAsked = true
      this.#activeAt = this.#home.sweptMs
    }
    this.#home.onAdmitted()
    this.#home.dispatch.request(message, this.#context, this)
  }

  #refuseOpen(correlationId: number, refusal: Refusal): void {
    // A session that has not begun has one attempt.
    if (this.#settle(correlationId)) this.#refuseUnread(correlationId, refusal, this.#stage.isBeginning)
  }

  /** Refuses a request that was not admitted. A refused greeting ends the session. */
  #refuseUnread(correlationId: number, refusal: Refusal, ends = this.#stage.phase === 'greeting'): void {
    this.#sendError(correlationId, refusal)
    if (ends) this.#end(refusal.code, refusal.message)
  }

  #settle(correlationId: number): boolean {
    if (!this.#requests.settle(correlationId)) return false
    this.#home.onSettled()
    return true
  }

  #leave(why: Pick<Refusal, 'code' | 'message'> | undefined): void {
    if (why !== undefined) this.close(why.code, why.message)
  }

  #sendError(correlationId: number, refusal: Refusal): void {
    if (this.#stage.phase === 'closing') return
    this.#home.metrics.millrace_errors_total.add(1, refusal.code)
    this.#send(encodeError(correlationId, refusal))
  }

  #send(chunks: readonly Uint8Array[]): void {
    const bytes = this.#connection.send(chunks)
    if (bytes === 0) return
    this.#home.metrics.millrace_sent_bytes_total.add(bytes)
    this.#pacing.sent(bytes)
  }

  #end(reason: CloseReason, message: string): void {
    if (this.#stage.phase === 'closing') return
    const level =
      this.#stage.phase === 'open' && reason !== 'clientLeft' && reason !== 'shutdown' ? 'info' : 'debug'
    this.#stage.end()
    this.#reason = reason
    this.#connection.end()
    this.#connection.discard()
    const { id: session, remote, client } = this
    this.#home.log[level]({ session, remote, client, reason, detail: message }, 'session ended')
    this.#abort.abort()
    for (const listener of this.#closeListeners) listener()
  }
}
