// The port where functions are called, as at Lambda: `POST /2015-03-31/functions/NAME/invocations`, with the bearer secret that the app gives
// out. Runs in the app. Bodies, calls and connections are bounded; a client that is slow to send or to read is cut off.
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttps, type Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Certificate } from 'millrace/app'
import type { Functions } from '../runtime/functions.ts'
import type { EventCalls } from './event-calls.ts'
import { refusals, Refusal, type WireAnswer } from './invoke-error.ts'
import { callAnswer } from './invoke-answer.ts'
import { invokeRequestOf, type InvokeRequest } from './invoke-request.ts'
import { isSecret } from './bearer.ts'
import type { WireLimits } from './limits.ts'
import { LogTail } from './log-tail.ts'

export interface InvokePortOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly certificate: Certificate | undefined
  readonly secret: string
  readonly limits: WireLimits
  readonly functions: Pick<Functions, 'call'>
  readonly events: EventCalls
  /** The ARN of a function that is there. */
  readonly arnOf: (name: string) => string
  readonly isThere: (name: string) => boolean
}

export class InvokePort {
  readonly #options: InvokePortOptions
  readonly #server: Server | TlsServer
  readonly #sockets = new Set<Socket>()
  #calls = 0
  #bytes = 0
  #isClosing = false

  private constructor(options: InvokePortOptions) {
    this.#options = options
    const { limits, certificate } = options
    const settings = {
      maxHeaderSize: limits.headBytesMax,
      headersTimeout: limits.headMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: Math.min(limits.headMs, 1000),
      noDelay: true,
    }
    const serve = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#serve(request, response)
    this.#server =
      certificate === undefined
        ? createHttp(settings, serve)
        : createHttps({ ...settings, minVersion: 'TLSv1.2', ...certificate }, serve)
    this.#server.maxConnections = limits.connectionsMax
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async open(options: InvokePortOptions): Promise<InvokePort> {
    const port = new InvokePort(options)
    await new Promise<void>((resolve, reject) => {
      port.#server.once('error', reject)
      port.#server.listen({ host: options.host, port: options.port }, () => {
        port.#server.off('error', reject)
        resolve()
      })
    })
    // A connection that cannot be accepted is its client's to try again.
    port.#server.on('error', () => {})
    return port
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Shows another certificate to connections from now on. Throws where it is none. */
  renew(certificate: Certificate): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(certificate)
  }

  /** Takes no more requests, gives those in flight some time, and ends. */
  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    this.#server.closeIdleConnections()
    const deadline = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, this.#options.limits.closingMs)
    await closed
    clearTimeout(deadline)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Errors of a socket are followed by its close. Without a listener they would end the process.
    request.on('error', () => {})
    response.on('error', () => {})
    let held = 0
    const hold = (bytes: number): void => {
      held += bytes
      this.#bytes += bytes
    }
    this.#calls += 1
    try {
      const answer = await this.#answered(request, hold)
      hold(answer.body.length)
      await this.#write(response, answer)
    } catch (error) {
      if (error instanceof Refusal) await this.#write(response, error.answer)
      // The client is gone.
      else response.destroy()
    } finally {
      this.#calls -= 1
      this.#bytes -= held
      // What is still to come of a refused request is thrown away as it comes, until its time is over.
      request.resume()
    }
  }

  async #answered(request: IncomingMessage, hold: (bytes: number) => void): Promise<WireAnswer> {
    const { limits, secret, isThere, arnOf } = this.#options
    if (!isSecret(request.headers.authorization, secret)) throw refusals.denied()
    const asked = invokeRequestOf({
      method: request.method ?? '',
      url: request.url ?? '',
      header: (name) => {
        const value = request.headers[name]
        return typeof value === 'string' ? value : undefined
      },
    })
    if (this.#calls > limits.callsMax || this.#bytes > limits.bytesInFlightMax) throw refusals.tooMany()
    if (!isThere(asked.name)) throw refusals.notFound(arnOf(asked.name))
    const payload = await readBody(
      request,
      asked.type === 'Event' ? limits.eventBytesMax : limits.bodyBytesMax,
    )
    hold(payload.length)
    checkJson(payload)
    return this.#run(asked, payload.length === 0 ? Buffer.from('{}') : payload)
  }

  async #run({ name, type, wantsLog }: InvokeRequest, payload: Buffer): Promise<WireAnswer> {
    if (type === 'DryRun') return { status: 204, headers: {}, body: '' }
    if (type === 'Event') {
      if (!this.#options.events.take(name, payload)) throw refusals.tooMany()
      return { status: 202, headers: {}, body: '' }
    }
    const tail = wantsLog ? new LogTail() : undefined
    const event = { kind: 'json', payload } as const
    // It goes on where the client leaves, as at Lambda: what it does may be done by half.
    const outcome = await this.#options.functions.call(name, event, {
      onLine: tail && ((line) => tail.add(line)),
    })
    return callAnswer(outcome, tail?.base64(), this.#options.arnOf(name))
  }

  /** Answers; resolves when the client has taken it, or is gone. */
  async #write(response: ServerResponse, { status, headers, body }: WireAnswer): Promise<void> {
    if (response.destroyed) return
    const timer = setTimeout(() => response.destroy(), this.#options.limits.answerMs)
    await new Promise<void>((resolve) => {
      response.once('finish', resolve).once('close', resolve)
      response.writeHead(status, {
        ...headers,
        'content-length': Buffer.byteLength(body),
        ...(this.#isClosing && { connection: 'close' }),
      })
      response.end(body)
    })
    clearTimeout(timer)
  }
}

function checkJson(payload: Buffer): void {
  if (payload.length === 0) return
  try {
    JSON.parse(payload.toString('utf8'))
  } catch (error) {
    throw refusals.notJson((error as Error).message)
  }
}

/** Reads a body. Fails with Refusal, or where the client is gone. */
async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw refusals.tooLarge(bytesMax)
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let bytes = 0
    request.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes > bytesMax) {
        pieces.length = 0
        reject(refusals.tooLarge(bytesMax))
      } else {
        pieces.push(piece)
      }
    })
    request.on('end', () => resolve(Buffer.concat(pieces)))
    request.on('close', () => reject(new Error('the client is gone')))
  })
}
