// The port of the app functions, as far as callers see it: it notes what it was asked, and answers as the test says.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FunctionEndpoint } from 'millrace/protocol'

export interface PortRequest {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface PortReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export class FakeInvokePort implements AsyncDisposable {
  readonly requests: PortRequest[] = []
  readonly #server: Server

  private constructor(reply: (request: PortRequest) => PortReply) {
    this.#server = createServer((incoming, outgoing) => {
      const pieces: Buffer[] = []
      incoming.on('data', (piece: Buffer) => pieces.push(piece))
      incoming.on('end', () => {
        const { url = '', headers } = incoming
        const request = { url, headers, body: Buffer.concat(pieces).toString() }
        this.requests.push(request)
        const { status, headers: answered = {}, body = '' } = reply(request)
        outgoing.writeHead(status, answered).end(body)
      })
    })
  }

  static async open(reply: (request: PortRequest) => PortReply): Promise<FakeInvokePort> {
    const port = new FakeInvokePort(reply)
    port.#server.listen(0, '127.0.0.1')
    await once(port.#server, 'listening')
    return port
  }

  /** As the app announces it; it lives as long as a test. */
  announcement(): FunctionEndpoint {
    const { port } = this.#server.address() as AddressInfo
    const farAhead = Date.now() + 3_600_000
    return { url: `http://127.0.0.1:${port}`, secret: 'a secret', startedAt: 1, renewedAt: farAhead }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}
