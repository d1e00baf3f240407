// One client's connection from accept to close: what it may ask, what is unanswered, and how it ends. Runs on the main
// thread of every process that listens. Every request that was read is answered once, unless its session has ended; a
// session ends for one reason, which its client is told where that is possible, and which log and metrics name.
import { setMaxListeners } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import type { ErrorCode } from '../../protocol/error-codes.ts'
import type { EventBody, EventFrom } from '../../protocol/events.ts'
import { limits } from '../../protocol/limits.ts'
import {
  decodeMessage,
  encodeError,
  encodeEvent,
  RequestRefused,
  type Message,
  type RequestMessage,
} from '../../protocol/messages.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { operations, type OperationName } from '../../protocol/operations.ts'
import type { Fail } from '../../protocol/refusal.ts'
import { SessionWatch, type ByteBudget, type SessionLimits, type SessionPhase } from './admission.ts'
import { Connection, type ConnectionOwner } from './transport/connection.ts'
import type { Answering, Context, Dispatch, Refusal } from './dispatch.ts'
import { refusalAt, tooEarly } from './gate.ts'
import type { Occupant } from './making-room.ts'
import { OutputShare, type OutputBudget, type Sender } from './output-budget.ts'
import type { CloseReason, ServerMetrics } from './server-metrics.ts'
import type { Session } from './session.ts'
import { httpRefusal, strayProtocol } from './transport/stray-protocols.ts'
import { UnansweredRequests } from './unanswered-requests.ts'

/** What the sessions of a server share. */
export interface SessionHome {
  readonly limits: SessionLimits
  readonly log: Logger
  readonly metrics: ServerMetrics
  /** Room for bytes that were received and are not answered. */
  readonly received: ByteBudget
  /** Bytes that wait to be sent. */
  readonly output: OutputBudget
  /** Queued bytes above which a session starts no new request, by how many sessions there are. */
  readonly highWaterBytes: number
  /** Milliseconds of sweeps so far. */
  readonly sweptMs: number
  readonly dispatch: Dispatch
  /** Where people find health and metrics, if there is such a place. */
  readonly adminUrl: string | undefined
  /** The process is about to stop: new requests are refused. */
  readonly refusing: boolean
  onAdmitted(): void
  /** A request that was admitted is no longer unanswered. */
  onSettled(): void
  /** More waits to be sent than there is room for. */
  onOutputExceeded(): void
  /** The connection is gone. */
  onGone(session: LiveSession): void
}

export class LiveSession implements Session, ConnectionOwner, Answering, Sender {
  readonly id: number
  readonly remote: string
  /** The peer's address without its port. */
  readonly address: string
  readonly #home: SessionHome
  #client = ''
  readonly #connection: Connection
  readonly #watch: SessionWatch
  readonly #requests: UnansweredRequests
  readonly #context: Context<OperationName>
  readonly #abort = new AbortController()
  #phase: SessionPhase = 'greeting'
  #reason: CloseReason = 'clientLeft'
  #heldAsFull = false
  #unreadableInARow = 0
  /** Bytes that wait in the connection, as taken from the shared room. */
  #waitingBytes = 0
  readonly #output: OutputShare
  #takenAtSweep = 0
  #hasAsked = false
  #hasLeft = false
  /** When it was accepted, last asked for something, or was sent an event, in the time of sweeps. */
  #activeAt: number
  readonly #drainListeners: (() => void)[] = []
  readonly #closeListeners: (() => void)[] = []

  constructor(stream: Duplex, home: SessionHome, from: { id: number; remote: string; address: string }) {
    this.id = from.id
    this.remote = from.remote
    this.address = from.address
    this.#home = home
    this.#activeAt = home.sweptMs
    this.#output = new OutputShare(home.output)
    this.#watch = new SessionWatch(home.limits, home.sweptMs)
    this.#requests = new UnansweredRequests(home.limits, home.received)
    setMaxListeners(0, this.#abort.signal) // every long-polling request may listen to it
    this.#context = { session: this, signal: this.#abort.signal, fail }
    const frameBytesMax = limits.frameBytesBeforeHello
    this.#connection = new Connection(stream, this, {
      frameBytesMax,
      highWaterBytes: () => home.highWaterBytes,
    })
  }

  // Session: what handlers use.

  get client(): string {
    return this.#client
  }

  get queuedBytes(): number {
    return this.#connection.queuedBytes
  }

  get highWaterBytes(): number {
    return this.#home.highWaterBytes
  }

  sendEvent<N extends EventFrom<'broker'>>(event: N, body: EventBody<N>): void {
    if (this.#phase !== 'open') return
    this.#activeAt = this.#home.sweptMs
    this.#send(encodeEvent(event, body))
  }

  onDrain(listener: () => void): void {
    this.#drainListeners.push(listener)
  }

  onClose(listener: () => void): void {
    if (this.#phase === 'closing') listener()
    else this.#closeListeners.push(listener)
  }

  introduce(client: string): void {
    this.#client = client
  }

  holdReading(): void {
    this.#connection.hold()
  }

  releaseReading(): void {
    this.#connection.release()
  }

  close(code: ErrorCode, message: string): void {
    if (this.#phase === 'closing') return
    this.#sendError(0, { code, message })
    this.#end(code, message)
  }

  // What the server uses.

  /** Why it ended, once it has. */
  get reason(): CloseReason {
    return this.#reason
  }

  /** It is told why it ends, and nothing more is served. */
  get isClosing(): boolean {
    return this.#phase === 'closing'
  }

  /** Bytes that wait to be sent, as far as they count in the output of all. */
  get countedBytes(): number {
    return this.#output.bytes
  }

  /** True if the client took something since the last sweep, or was not there yet. */
  get isTaking(): boolean {
    return this.#connection.bytesTaken !== this.#takenAtSweep
  }

  /** What it does here, for the case that another connection needs its place. */
  get occupancy(): Omit<Occupant, 'address'> {
    return {
      isGreeting: this.#phase === 'greeting',
      hasAsked: this.#hasAsked,
      isBusy: this.#requests.size > 0 || this.queuedBytes > 0,
      quietMs: this.#home.sweptMs - this.#activeAt,
    }
  }

  /** Tells the client why, if the network takes that at once, and frees everything. */
  cut(code: ErrorCode, message: string): void {
    this.#output.giveUp()
    this.close(code, message)
    // A write that the kernel had room for is with the kernel by then.
    setImmediate(() => this.#connection.destroy())
  }

  /** Ends because another connection needs the place. */
  leaveFor(message: string): void {
    this.#hasLeft = true
    this.cut('overloaded', message)
  }

  get hasLeft(): boolean {
    return this.#hasLeft
  }

  /** Looks at the deadlines. */
  sweep(): void {
    const { framesReceived, midFrame, held, queuedBytes, bytesTaken } = this.#connection
    this.#takenAtSweep = bytesTaken
    const facts = { phase: this.#phase, framesReceived, midFrame, held, queuedBytes, bytesTaken }
    const overdue = this.#watch.look(facts, this.#home.sweptMs)
    if (overdue === undefined) return
    const closing = this.#phase === 'closing'
    this.close(overdue.code, overdue.message)
    // Whoever does not read what is queued will not read an error behind it: the memory is freed now.
    if (closing || queuedBytes > 0) this.#connection.destroy()
  }

  /** Tells the client that requests are refused from now on, and refuses also those that wait because reading is held. */
  announceDraining(deadlineMs: number): void {
    this.sendEvent('draining', { deadlineMs })
    this.#connection.ignoreHolds()
  }

  /** Tells handlers that nobody will wait for them much longer. */
  abort(): void {
    this.#abort.abort()
  }

  /** Answers what is still running, and ends the connection after everything that was sent. */
  finish(): void {
    const message = 'This process stops before the request is done: whether it takes effect is unknown.'
    for (const correlationId of this.#requests.ids()) {
      this.refuse(correlationId, { code: 'outcomeUnknown', message })
    }
    this.#end('shutdown', 'this process stops')
  }

  // Answering: what dispatch uses.

  answer(correlationId: number, chunks: readonly Uint8Array[]): void {
    if (!this.#settle(correlationId)) return
    if (this.#phase === 'greeting') this.#open() // only what opens a session is served before
    this.#send(chunks)
  }

  refuse(correlationId: number, refusal: Refusal): void {
    if (this.#settle(correlationId)) this.#refuseUnread(correlationId, refusal)
  }

  // ConnectionOwner: what the connection tells.

  onBytes(count: number): void {
    this.#home.metrics.bytesReceived(count)
  }

  onPayload(payload: Uint8Array): void {
    let message: Message
    try {
      message = decodeMessage(payload)
    } catch (error) {
      return this.#onUnreadable(error)
    }
    if (message.kind === 'request') return this.#onRequest(message, payload.length)
    if (message.kind !== 'event') {
      return this.close(
        'malformedFrame',
        `A client sends requests and events, no message of kind ${message.kind}.`,
      )
    }
    if (this.#phase === 'open') return this.#home.dispatch.event(message, this)
    this.close('helloRequired', tooEarly(message.event))
  }

  onWaiting(bytes: number): void {
    if (this.#home.received.take(bytes - this.#waitingBytes)) this.#waitingBytes = bytes
    else this.close('overloaded', 'Half frames of all clients fill the room that this process has for them.')
  }

  onQueued(bytes: number): void {
    if (this.#output.set(bytes)) this.#home.onOutputExceeded()
  }

  onMalformed(error: MillraceError, chunk: Uint8Array): void {
    const stray = this.#connection.framesReceived === 0 ? strayProtocol(chunk) : undefined
    if (stray !== 'http') {
      return this.close(
        error.code,
        stray === 'tls' ? 'The client speaks TLS; this port does not.' : error.message,
      )
    }
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
    this.#end(cause === undefined ? 'clientLeft' : 'networkFailed', cause?.message ?? 'the client left')
    this.#home.onGone(this)
  }

  #onUnreadable(error: unknown): void {
    if (error instanceof RequestRefused) return this.#onUnreadableRequest(error)
    if (MillraceError.is(error)) return this.close(error.code, error.message)
    this.#home.log.error(
      { session: this.id, err: error },
      'a frame could not be decoded, by a defect of ours',
    )
    this.close('internal', 'The frame could not be decoded; the log of this process has the details.')
  }

  #onUnreadableRequest({ correlationId, error }: RequestRefused): void {
    this.#refuseUnread(correlationId, error)
    const { unreadableInARowMax } = this.#home.limits
    if (++this.#unreadableInARow < unreadableInARowMax) return
    this.close(
      error.code,
      `${unreadableInARowMax} requests in a row could not be read; the last: ${error.message}`,
    )
  }

  #onRequest(message: RequestMessage, bytes: number): void {
    const { correlationId, operation } = message
    if (correlationId === 0 || this.#requests.has(correlationId)) {
      const reason = `Correlation id ${correlationId} is 0, or belongs to a request that is not answered yet.`
      return this.close('malformedFrame', reason)
    }
    this.#unreadableInARow = 0
    this.#home.metrics.requestReceived(operation)
    const moment = { isGreeting: this.#phase === 'greeting', isStopping: this.#home.refusing }
    const refusal = refusalAt(operation, moment) ?? this.#requests.admit(correlationId, bytes)
    if (refusal !== undefined) return this.#refuseUnread(correlationId, refusal)
    if (operations[operation].plane !== 'session') {
      this.#hasAsked = true
      this.#activeAt = this.#home.sweptMs
    }
    this.#home.onAdmitted()
    if (this.#requests.full && !this.#heldAsFull) {
      this.#heldAsFull = true
      this.#connection.hold()
    }
    this.#home.dispatch.request(message, this.#context, this)
  }

  /** A connection whose greeting is refused has nothing left to say. */
  #refuseUnread(correlationId: number, refusal: Refusal): void {
    this.#sendError(correlationId, refusal)
    if (this.#phase === 'greeting') this.#end(refusal.code, refusal.message)
  }

  #settle(correlationId: number): boolean {
    if (!this.#requests.settle(correlationId)) return false
    if (this.#heldAsFull && !this.#requests.full) {
      this.#heldAsFull = false
      this.#connection.release()
    }
    this.#home.onSettled()
    return true
  }

  #open(): void {
    this.#phase = 'open'
    this.#connection.frameBytesMax = limits.frameBytesMax
    this.#home.log.debug({ session: this.id, remote: this.remote, client: this.client }, 'session opened')
  }

  #sendError(correlationId: number, refusal: Refusal): void {
    if (this.#phase === 'closing') return
    this.#home.metrics.errorSent(refusal.code)
    this.#send(encodeError(correlationId, refusal))
  }

  #send(chunks: readonly Uint8Array[]): void {
    const bytes = this.#connection.send(chunks)
    if (bytes > 0) this.#home.metrics.bytesSent(bytes)
  }

  #end(reason: CloseReason, message: string): void {
    if (this.#phase === 'closing') return
    const level =
      this.#phase === 'open' && reason !== 'clientLeft' && reason !== 'shutdown' ? 'info' : 'debug'
    this.#phase = 'closing'
    this.#reason = reason
    this.#connection.end()
    this.#connection.discard()
    this.#home.log[level](
      { session: this.id, remote: this.remote, client: this.client, reason, detail: message },
      'session ended',
    )
    this.#abort.abort()
    for (const listener of this.#closeListeners) listener()
  }
}

const fail: Fail<ErrorCode> = (code, message, details = {}) => {
  throw new MillraceError(code, message, details)
}
