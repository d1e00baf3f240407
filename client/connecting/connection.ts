// One byte stream to one broker process: frames in and out, requests matched to answers, deadlines, pings.
// Runs in the client. Every request is settled exactly once: by its answer, or by the end of the connection. If the peer misses
// a deadline, the connection ends, and its open requests settle with `connectionLost`.
import type { Duplex } from 'node:stream'
import { events, type EventBody, type EventFrom } from '../../protocol/events.ts'
import { FrameReader } from '../../protocol/frame/frame.ts'
import { limits } from '../../protocol/limits.ts'
import {
  decodeMessage,
  decodeResponse,
  encodeEvent,
  encodeRequest,
  type EventMessage,
  type Message,
} from '../../protocol/frame/messages.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { OperationName, RequestOf, ResponseOf } from '../../protocol/operations.ts'
import { PROTOCOL_VERSION_MAX, PROTOCOL_VERSION_MIN } from '../../protocol/version.ts'
import { addressText, CONTROLLER, type Address, type Endpoint } from './address.ts'
import { asPlaintextFailure, asTlsFailure } from './tls-failure.ts'
import { logIn, tokenFor } from './login.ts'
import { asMillraceError, endSentence, errorFrom } from '../errors.ts'
import { clientLimits, type Settings } from '../settings.ts'
import { onAbort, unlessAborted } from '../waiting.ts'

/** Takes the answer to a request, synchronously, in the order of the received frames. */
export type Settle<N extends OperationName> = (
  error: MillraceError | undefined,
  response: ResponseOf<N> | undefined,
) => void

interface OpenRequest {
  readonly operation: OperationName
  readonly deadline: number
  readonly settle: (error: MillraceError | undefined, response: unknown) => void
}

export type SubscriptionListener = (message: EventMessage) => void

const CORRELATION_ID_MAX = 0xffff_ffff

/**
 * Dials and sends hello, within the protocol's deadline for it. `brokerId` is the expected broker, if it is known. Rejects with
 * `unavailable`, also if another process answers, or with an error that trying again does not heal: `unsupportedVersion`,
 * `unauthenticated`, `tlsFailed`, `permissionDenied` or `principalNotFound` for the principal to act as, or `invalidArgument` for what
 * the application gives as its token or to TLS.
 */
export async function openConnection(
  endpoint: Endpoint,
  settings: Settings,
  signal: AbortSignal,
  brokerId?: string,
): Promise<Connection> {
  const giveUp = new AbortController()
  const stop = onAbort(signal, () => giveUp.abort(signal.reason))
  const late = () => giveUp.abort(new Error('it did not answer in time'))
  let timer = setTimeout(late, settings.requestTimeoutMs)
  let connection: Connection | undefined
  try {
    // Before the dial: the broker waits only so long for a new connection to say who it is.
    const token = await tokenFor(endpoint, settings, giveUp.signal)
    clearTimeout(timer)
    timer = setTimeout(late, Math.min(limits.helloDeadlineMs, settings.requestTimeoutMs))
    const dialing = settings.dial(endpoint, giveUp.signal)
    // A stream that arrives after the wait has ended is destroyed, so that it does not leak.
    dialing.then(
      (stream) => giveUp.signal.aborted && stream.destroy(),
      () => {},
    )
    connection = new Connection(await unlessAborted(dialing, giveUp.signal), endpoint, settings)
    const welcome = await unlessAborted(connection.hello(), giveUp.signal)
    const stranger = strangerAt(endpoint, brokerId, welcome)
    if (stranger !== undefined) throw new Error(stranger)
    if (token !== undefined) await logIn(connection, token, settings, giveUp.signal)
    return connection
  } catch (thrown) {
    connection?.close(errorFrom(thrown))
    const lasting = lastingFailure(thrown, endpoint)
    if (lasting !== undefined) throw lasting
    const cause: unknown = giveUp.signal.aborted ? giveUp.signal.reason : thrown
    const reason = errorFrom(cause).message
    const message = endSentence(`No connection to ${addressText(endpoint)}: ${reason}`)
    throw new MillraceError('unavailable', message, { cause })
  } finally {
    clearTimeout(timer)
    stop()
  }
}

const lastingCodes: readonly unknown[] = [
  'unsupportedVersion',
  'unauthenticated',
  'tlsFailed',
  'invalidArgument',
  'permissionDenied',
  'principalNotFound',
]

/** Returns the error that no other attempt would heal, from what was thrown or what caused it. */
function lastingFailure(thrown: unknown, address: Address): MillraceError | undefined {
  for (let depth = 0, at = thrown; depth < 8 && at instanceof Error; depth++, at = at.cause) {
    if (MillraceError.is(at) && lastingCodes.includes(at.code)) return at
    // The broker checks the client's certificate when the handshake is over for the client.
    const failure = asTlsFailure(at, { at: addressText(address), names: [] })
    if (failure !== undefined) return failure
  }
  return undefined
}

/**
 * Names the process that answers instead of the expected one; undefined if it is the expected one. Streams and shards have the
 * same numbers in every broker, so another process on the port of a host that ended must not get the host's records.
 */
function strangerAt(
  { hostId }: Endpoint,
  brokerId: string | undefined,
  welcome: ResponseOf<'hello'>,
): string | undefined {
  if (brokerId !== undefined && welcome.brokerId !== brokerId) {
    return (
      `another broker answers there (${welcome.brokerId}), or the same one with another data directory; this client ` +
      `belongs to ${brokerId}. To use that broker, connect anew`
    )
  }
  if (welcome.hostId === hostId) return undefined
  const name = (id: number) => (id === CONTROLLER ? 'the controller' : `host ${id}`)
  const hint = hostId === CONTROLLER ? ', whose port a url has, 7400 by default' : ''
  return `${name(welcome.hostId)} of the broker answers there, not ${name(hostId)}${hint}`
}

export class Connection {
  readonly address: Address
  #brokerId: string | undefined
  readonly #stream: Duplex
  readonly #settings: Settings
  readonly #frames = new FrameReader({ frameBytesMax: limits.frameBytesBeforeHello })
  readonly #open = new Map<number, OpenRequest>()
  readonly #subscriptions = new Map<number, SubscriptionListener>()
  readonly #sweep: NodeJS.Timeout
  readonly #endListeners = new Set<(error: MillraceError) => void>()
  /** Called, one at a time, when another append may be sent. */
  readonly #roomListeners = new Set<() => void>()
  #end: MillraceError | undefined
  #lastCorrelationId = 0
  #corked = false
  #lastSentAt: number
  #pingAfterMs = limits.sessionIdleMs / 3
  #frameBytesMax: number = limits.frameBytesBeforeHello

  constructor(stream: Duplex, address: Address, settings: Settings) {
    this.#stream = stream
    this.address = address
    this.#settings = settings
    this.#lastSentAt = settings.monotonic()
    this.#sweep = setInterval(() => this.#lookAtDeadlines(), clientLimits.sweepMs)
    stream.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    stream.on('error', (error) => this.close(error))
    stream.on('end', () => this.close(new Error('the broker closed the connection')))
    stream.on('close', () => this.close(new Error('the connection was closed')))
  }

  get isOpen(): boolean {
    return this.#end === undefined
  }

  /** The broker that answered hello. */
  get brokerId(): string | undefined {
    return this.#brokerId
  }

  /** Largest frame that the broker accepts. */
  get frameBytesMax(): number {
    return this.#frameBytesMax
  }

  async hello(): Promise<ResponseOf<'hello'>> {
    const welcome = await this.request('hello', {
      versionMin: PROTOCOL_VERSION_MIN,
      versionMax: PROTOCOL_VERSION_MAX,
      client: this.#settings.clientName,
    })
    const { version } = welcome
    if (version < PROTOCOL_VERSION_MIN || version > PROTOCOL_VERSION_MAX) {
      const message = `${addressText(this.address)} wants to speak version ${version} of the protocol, and was offered ${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION_MAX}.`
      throw new MillraceError('unsupportedVersion', message)
    }
    this.#frames.frameBytesMax = limits.frameBytesMax
    this.#frameBytesMax = welcome.frameBytesMax
    this.#pingAfterMs = welcome.sessionIdleMs / 3
    this.#brokerId = welcome.brokerId
    return welcome
  }

  /** Sends a request and returns its answer. `waitMs` is how long the request lets the broker wait for data. */
  request<N extends OperationName>(operation: N, request: RequestOf<N>, waitMs = 0): Promise<ResponseOf<N>> {
    return new Promise((resolve, reject) => {
      this.send(
        operation,
        request,
        (error, response) => (error === undefined ? resolve(response!) : reject(error)),
        waitMs,
      )
    })
  }

  /**
   * Sends a request whose answer goes to `settle`, without a promise, before any later frame is handled. Throws, and settles
   * nothing, if the request breaks its shape (`invalidArgument`), too many are open (`overloaded`), or the connection has ended
   * (`unavailable`, because the request was not sent).
   */
  send<N extends OperationName>(operation: N, request: RequestOf<N>, settle: Settle<N>, waitMs = 0): void {
    if (this.#end !== undefined) {
      throw new MillraceError('unavailable', `The connection to ${addressText(this.address)} has ended.`, {
        cause: this.#end,
      })
    }
    if (this.#open.size >= limits.sessionRequestsInFlightMax) {
      const message = `${this.#open.size} requests to ${addressText(this.address)} are unanswered; the limit is ${limits.sessionRequestsInFlightMax}.`
      throw new MillraceError('overloaded', message)
    }
    const correlationId = this.#nextCorrelationId()
    const chunks = encodeRequest(operation, correlationId, request)
    const deadline = this.#settings.monotonic() + this.#settings.requestTimeoutMs + waitMs
    this.#open.set(correlationId, { operation, deadline, settle: settle as OpenRequest['settle'] })
    this.#write(chunks)
  }

  /** True if another append may be sent. Appends leave some of the requests of a connection to other operations. */
  get hasRoomForAppend(): boolean {
    return this.#open.size < clientLimits.appendsInFlight
  }

  /** Calls the listener once, when another append may be sent or the connection has ended; each in the order of the calls. */
  onRoomForAppend(listener: () => void): void {
    this.#roomListeners.add(listener)
  }

  /** Offers room for appends to the next listener. A listener that does not use its room calls it. */
  offerRoom(): void {
    if (this.isOpen && !this.hasRoomForAppend) return
    for (const listener of this.#roomListeners) {
      this.#roomListeners.delete(listener)
      listener()
      return
    }
  }

  /** Sends an event; does nothing once the connection has ended. */
  sendEvent<N extends EventFrom<'client'>>(event: N, body: EventBody<N>): void {
    if (this.#end === undefined) this.#write(encodeEvent(event, body))
  }

  /** Takes a subscription's events. Call it in the `settle` of its request, because the first event may be in the same chunk. */
  listen(subscriptionId: number, listener: SubscriptionListener): void {
    this.#subscriptions.set(subscriptionId, listener)
  }

  unlisten(subscriptionId: number): void {
    this.#subscriptions.delete(subscriptionId)
  }

  /** Calls the listener once the connection has ended and every open request is settled. Returns a function that stops it. */
  onEnd(listener: (error: MillraceError) => void): () => void {
    if (this.#end === undefined) this.#endListeners.add(listener)
    else listener(this.#end)
    return () => this.#endListeners.delete(listener)
  }

  /** Ends the connection at once. Open requests settle with `connectionLost`: their outcomes are unknown. */
  close(cause: Error): void {
    if (this.#end !== undefined) return
    const message = endSentence(`The connection to ${addressText(this.address)} was lost: ${cause.message}`)
    this.#end = new MillraceError('connectionLost', message, { cause })
    clearInterval(this.#sweep)
    // The other side of an in-process pair learns of `end`, not of `destroy`.
    this.#stream.end()
    this.#stream.destroy()
    const open = [...this.#open.values()]
    this.#open.clear()
    this.#subscriptions.clear()
    for (const request of open) request.settle(this.#end, undefined)
    for (const listener of this.#endListeners) listener(this.#end)
    for (const listener of this.#roomListeners) listener()
    this.#roomListeners.clear()
  }

  #nextCorrelationId(): number {
    do {
      this.#lastCorrelationId = (this.#lastCorrelationId % CORRELATION_ID_MAX) + 1
    } while (this.#open.has(this.#lastCorrelationId))
    return this.#lastCorrelationId
  }

  /** Writes chunks; all chunks of one turn leave in one system call. */
  #write(chunks: Uint8Array[]): void {
    if (!this.#corked) {
      this.#corked = true
      this.#stream.cork()
      process.nextTick(() => {
        this.#corked = false
        this.#stream.uncork()
      })
    }
    for (const chunk of chunks) this.#stream.write(chunk)
    this.#lastSentAt = this.#settings.monotonic()
  }

  #receive(chunk: Uint8Array): void {
    let messages: Message[]
    try {
      messages = this.#frames.push(chunk).map(decodeMessage)
    } catch (error) {
      // Only the first bytes of a broker can be those of TLS.
      const isFirst = this.#brokerId === undefined
      const failure = isFirst ? asPlaintextFailure(chunk, addressText(this.address)) : undefined
      this.close(failure ?? errorFrom(error))
      return
    }
    for (const message of messages) {
      if (this.#end !== undefined) return
      this.#dispatch(message)
    }
  }

  #dispatch(message: Message): void {
    switch (message.kind) {
      case 'response': {
        const request = this.#take(message.correlationId)
        if (request !== undefined) this.#settleWithResponse(request, message.wire)
        return
      }
      case 'error':
        // An error with correlation id 0 is about the connection: it says why the broker is closing it.
        if (message.correlationId === 0) this.close(message.error)
        else this.#take(message.correlationId)?.settle(message.error, undefined)
        return
      case 'event':
        this.#dispatchEvent(message)
        return
      case 'request':
        this.close(new Error('the broker sent a request'))
    }
  }

  #take(correlationId: number): OpenRequest | undefined {
    const request = this.#open.get(correlationId)
    this.#open.delete(correlationId)
    if (this.#roomListeners.size > 0) this.offerRoom()
    return request
  }

  #settleWithResponse(request: OpenRequest, wire: unknown): void {
    let response: unknown
    try {
      response = decodeResponse(request.operation, wire)
    } catch (error) {
      request.settle(asMillraceError(error), undefined)
      return
    }
    request.settle(undefined, response)
  }

  #dispatchEvent(message: EventMessage): void {
    if (message.event === 'draining') {
      const { address } = this
      this.#settings.log({
        level: 'info',
        message: 'the broker process is stopping',
        address: addressText(address),
      })
    } else if (events[message.event].from === 'broker') {
      this.#subscriptions.get(message.body.subscriptionId)?.(message)
    }
  }

  #lookAtDeadlines(): void {
    const now = this.#settings.monotonic()
    for (const [correlationId, request] of this.#open) {
      if (request.deadline > now) continue
      this.#open.delete(correlationId)
      const message = `${addressText(this.address)} did not answer ${request.operation} in time; the connection is given up.`
      const error = new MillraceError('timedOut', message)
      request.settle(error, undefined)
      this.close(error)
      return
    }
    const hasRoom = this.#open.size < limits.sessionRequestsInFlightMax
    if (hasRoom && now - this.#lastSentAt >= this.#pingAfterMs) this.send('ping', {}, () => {})
  }
}
