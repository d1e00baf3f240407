// Takes requests from the listener, and brings each to its service and the answer back: request ids, cross-origin headers, limits
// over all connections. Runs in the endpoint.
import { randomUUID } from 'node:crypto'
import { KinesisError } from '../model/errors.ts'
import type { EndpointLog } from '../parts.ts'
import { emptyXmlRefusal, type Answer } from './answer.ts'
import { ByteBudget } from './byte-budget.ts'
import {
  ClientGone,
  Exchange,
  overloaded,
  type AnswerHeaders,
  type Incoming,
  type Outgoing,
} from './exchange.ts'
import { SecondIds } from './second-ids.ts'
import type { WireLimits } from './limits.ts'
import type { RequestHead } from './request-head.ts'
import type { Authenticated, Api, WireRequest } from './api.ts'

export interface FrontOptions {
  /** In the order in which they are asked whether a request is theirs. */
  readonly apis: readonly Api[]
  /** Says who sent a request to a service. Fails with KinesisError. */
  readonly authenticate: (
    service: string,
    request: Pick<WireRequest, 'head' | 'body' | 'signal'>,
  ) => Promise<Authenticated>
  /** Refuses by its head a request whose body is not to be held for nobody. Fails with KinesisError. Default: all are read. */
  readonly admit?: ((service: string, head: RequestHead) => Promise<void>) | undefined
  readonly limits: WireLimits
  readonly log: EndpointLog
}

/** Where an operator's checks ask whether the endpoint serves. No client of AWS does. */
const HEALTH_PATH = '/_millrace/health'
const PREFLIGHT_SECONDS = '172800'
const EXPOSED = 'x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date'
const HEAD_TOO_LARGE = 431

export class Front {
  readonly #options: FrontOptions
  readonly #budget: ByteBudget
  readonly #ids = new SecondIds()
  readonly #exchanges = new Set<Exchange>()
  #closing = false

  constructor(options: FrontOptions) {
    this.#options = options
    this.#budget = new ByteBudget(options.limits.bytesInFlightMax)
  }

  /** Requests that are being read, served or answered. */
  get requests(): number {
    return this.#exchanges.size
  }

  /** Bytes of their bodies and answers. */
  get bytesInFlight(): number {
    return this.#budget.held
  }

  /** Ends answers without end; requests that are being served are still answered. */
  close(): void {
    this.#closing = true
    for (const exchange of this.#exchanges) exchange.close()
  }

  /** Serves a request of the listener's. */
  readonly serve = (incoming: Incoming, outgoing: Outgoing): void => {
    const { limits, log } = this.#options
    const exchange = new Exchange(incoming, outgoing, { limits, budget: this.#budget })
    this.#exchanges.add(exchange)
    if (this.#closing) exchange.close()
    const requestId = randomUUID()
    this.#exchange(exchange, requestId)
      .catch((error: unknown) => {
        exchange.cut()
        if (error instanceof ClientGone) return
        log({ level: 'error', message: 'A request could not be answered.', error, requestId })
      })
      .finally(() => {
        this.#exchanges.delete(exchange)
        exchange.release()
      })
  }

  async #exchange(exchange: Exchange, requestId: string): Promise<void> {
    const { head } = exchange
    const origin = head.header('origin')
    const isPreflight = head.method === 'OPTIONS' && origin !== undefined
    const headers: Record<string, string> = { 'x-amzn-RequestId': requestId }
    if (!isPreflight) headers['x-amz-id-2'] = this.#ids.next()
    if (origin !== undefined) Object.assign(headers, crossOriginHeaders(head, isPreflight))
    // HTTP/2 only asks clients to keep to it.
    if (head.bytes > this.#options.limits.headBytesMax) return exchange.answer(HEAD_TOO_LARGE, {}, '')
    if (isPreflight) return exchange.answer(200, headers, '')
    if (head.path === HEALTH_PATH) {
      return exchange.answer(200, { ...headers, 'content-type': 'application/json' }, '{"status":"ok"}')
    }
    await this.#send(exchange, headers, await this.#answer(exchange, requestId))
  }

  async #answer(exchange: Exchange, requestId: string): Promise<Answer> {
    const { apis, authenticate, admit, limits, log } = this.#options
    const { head } = exchange
    const api = apis.find((candidate) => candidate.claims(head))
    if (api === undefined) return emptyXmlRefusal('UnknownOperationException', 404)
    try {
      if (this.requests > limits.requestsMax) throw overloaded()
      if (admit !== undefined && mayBeLarge(head)) await admit(api.name, head)
      const body = await exchange.readBody()
      const request: WireRequest = {
        head,
        body,
        requestId,
        get signal() {
          return exchange.signal
        },
        authenticate: () => authenticate(api.name, request),
      }
      return await api.serve(request)
    } catch (error) {
      if (error instanceof ClientGone) throw error
      if (error instanceof KinesisError) return api.refuse(error, head)
      log({ level: 'error', message: 'A request failed.', error, requestId })
      return api.refuse(new KinesisError('InternalFailureException', '', { cause: error }), head)
    }
  }

  async #send(exchange: Exchange, common: AnswerHeaders, answer: Answer): Promise<void> {
    const { status, contentType } = answer
    const own = 'headers' in answer ? answer.headers : {}
    const headers = { ...common, ...own, ...(contentType !== undefined && { 'content-type': contentType }) }
    if ('frames' in answer) {
      // The request is read and understood: what it held is free again.
      exchange.release()
      return exchange.stream(status, headers, answer.frames)
    }
    return exchange.answer(status, headers, answer.body)
  }
}

/** A larger body is not read for a caller whom nobody knows: a few of them would leave no room for others. */
const UNKNOWN_BYTES_MAX = 64 * 1024

/** Also where the head does not say how long the body is. */
function mayBeLarge(head: RequestHead): boolean {
  const length = head.header('content-length')
  return length === undefined || Number(length) > UNKNOWN_BYTES_MAX
}

function crossOriginHeaders(head: RequestHead, isPreflight: boolean): Record<string, string> {
  const headers: Record<string, string> = { 'access-control-allow-origin': '*' }
  if (!isPreflight) return { ...headers, 'access-control-expose-headers': EXPOSED }
  const asked = head.header('access-control-request-headers')
  const method = head.header('access-control-request-method')
  if (asked !== undefined) headers['access-control-allow-headers'] = asked
  if (method !== undefined) headers['access-control-allow-methods'] = method
  return { ...headers, 'access-control-max-age': PREFLIGHT_SECONDS }
}
