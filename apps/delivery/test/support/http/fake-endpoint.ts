// An endpoint of Firehose's delivery protocol in this process: it keeps what it is sent, and answers as a test tells it to.
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

export interface TakenRequest {
  readonly headers: IncomingHttpHeaders
  readonly requestId: string
  readonly timestamp: number
  /** The data of the records, as text. */
  readonly records: readonly string[]
}

export class FakeEndpoint implements AsyncDisposable {
  readonly requests: TakenRequest[] = []
  /** Answers a request; by default as the protocol wants it. */
  answer: (request: TakenRequest, response: ServerResponse) => void = take
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<FakeEndpoint> {
    const server = createServer((message, response) => void endpoint.#take(message, response))
    // A machine that stands still for a while must not look like an endpoint that closes its connections.
    server.keepAliveTimeout = 0
    const endpoint = new FakeEndpoint(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return endpoint
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/in`
  }

  async #take(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of message) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const plain = message.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
    const { requestId, timestamp, records } = JSON.parse(plain.toString()) as {
      readonly requestId: string
      readonly timestamp: number
      readonly records: readonly { readonly data: string }[]
    }
    const texts = records.map(({ data }) => Buffer.from(data, 'base64').toString())
    const request = { headers: message.headers, requestId, timestamp, records: texts }
    this.requests.push(request)
    this.answer(request, response)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

export const json = { 'content-type': 'application/json' }

/** Takes the records. */
export function take({ requestId }: TakenRequest, response: ServerResponse): void {
  answerJson(response, 200, { requestId, timestamp: 1_700_000_000_000 })
}

export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value)
  response.writeHead(status, { ...json, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
