// Requests over HTTP/1.1 without any client of AWS, for tests of what the port answers.
import { request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'

export interface PlainRequest {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export interface PlainAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly text: string
}

/** Sends one request in a connection of its own. */
export async function send(
  port: number,
  { method = 'POST', path = '/', headers = {}, body = '' }: PlainRequest,
): Promise<PlainAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    requestHttp({ host: '127.0.0.1', port, method, path, headers, agent: false }, resolve)
      .on('error', reject)
      .end(body)
  })
  const bytes = await bytesOf(response)
  return { status: response.statusCode ?? 0, headers: response.headers, bytes, text: bytes.toString() }
}

export async function bytesOf(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

/** A header that has the form of a signature, for endpoints that look for no more. */
export const LOOKS_SIGNED = {
  authorization:
    'AWS4-HMAC-SHA256 Credential=x/20261130/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=x',
  'x-amz-date': '20261130T000000Z',
}
