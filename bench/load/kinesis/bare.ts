// Calls of the Kinesis API without the SDK, over kept HTTP/1.1 connections: what a server takes where the caller costs little.
// Requests look signed, and are not: for servers that verify nothing. Runs in load processes.
import { Agent, request } from 'node:http'

const SOCKETS_MAX = 256
const UNVERIFIED =
  'AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, Signature=bench'

export class BareCaller {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX })
  readonly #host: string
  readonly #port: string

  constructor(endpoint: string) {
    const { hostname, port } = new URL(endpoint)
    this.#host = hostname
    this.#port = port
  }

  /** The body of the answer; rejects for any status but 200. */
  call(operation: string, input: object): Promise<Buffer> {
    const body = Buffer.from(JSON.stringify(input))
    return new Promise((resolve, reject) => {
      const sent = request({
        agent: this.#agent,
        host: this.#host,
        port: this.#port,
        method: 'POST',
        headers: {
          'content-type': 'application/x-amz-json-1.1',
          'content-length': body.length,
          'x-amz-target': `Kinesis_20131202.${operation}`,
          'x-amz-date': '20260101T000000Z',
          authorization: UNVERIFIED,
        },
      })
      sent.once('error', reject)
      sent.once('response', (answer) => {
        const pieces: Buffer[] = []
        answer.on('data', (piece: Buffer) => pieces.push(piece))
        answer.once('error', reject)
        answer.once('end', () => {
          const text = Buffer.concat(pieces)
          if (answer.statusCode === 200) resolve(text)
          else reject(new Error(`${operation} was answered ${answer.statusCode}: ${text}`))
        })
      })
      sent.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
