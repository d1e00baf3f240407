// Calls functions at the port of the app functions, as that says in its documents. Runs in the endpoint. Answers are bounded, and a call ends
// with the client that made it.
import { request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { invocationUrl, type FunctionEndpoint } from 'millrace/protocol'

export interface FunctionPortCall {
  readonly name: string
  readonly payload: Uint8Array
  /** In small letters. */
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

export interface FunctionPortAnswer {
  readonly status: number
  /** A header by its name in small letters. */
  readonly header: (name: string) => string | undefined
  readonly body: Uint8Array
}

/** Rejects with PortUnreached where nothing was sent; otherwise the function may have been called. */
export type FunctionPort = (endpoint: FunctionEndpoint, call: FunctionPortCall) => Promise<FunctionPortAnswer>

interface TlsTrust {
  /** In PEM. */
  readonly ca?: string | Uint8Array
}

/** There is no connection: no function was called. */
export class PortUnreached extends Error {
  override readonly name = 'PortUnreached'
}

/** Lambda's bound of an answer is 6 MB, and that of a log 4 KB. */
const BODY_BYTES_MAX = 8 * 1024 * 1024
/** No function runs longer than a quarter of an hour. */
const SILENCE_MS = 16 * 60_000

/** @param askTls how the broker is reached: where the port speaks TLS, the same authorities are trusted. Asked at each call. */
export function functionPort(askTls: (() => TlsTrust | Promise<TlsTrust>) | undefined): FunctionPort {
  return async (endpoint, { name, payload, headers, signal }) => {
    const target = invocationUrl(endpoint, name)
    const isTls = target.protocol === 'https:'
    const ca = isTls ? (await askTls?.())?.ca : undefined
    const options = {
      method: 'POST',
      signal,
      agent: false as const,
      ...(ca !== undefined && { ca: typeof ca === 'string' ? ca : Buffer.from(ca) }),
      headers: {
        ...headers,
        authorization: `Bearer ${endpoint.secret}`,
        'content-type': 'application/json',
        'content-length': payload.length,
      },
    }
    const request = isTls ? requestHttps(target, options) : requestHttp(target, options)
    const response = await answered(request, isTls ? 'secureConnect' : 'connect', payload)
    return { status: response.statusCode ?? 0, header: headerOf(response), body: await bodyOf(response) }
  }
}

function answered(
  request: ClientRequest,
  connected: 'connect' | 'secureConnect',
  payload: Uint8Array,
): Promise<IncomingMessage> {
  let isSent = false
  request.setTimeout(SILENCE_MS, () => request.destroy(new Error('The port of functions is silent.')))
  return new Promise((resolve, reject) => {
    request.on('socket', (socket) => socket.once(connected, () => (isSent = true)))
    request.on('response', resolve)
    request.on('error', (cause) => {
      reject(isSent ? cause : new PortUnreached('The port of functions cannot be reached.', { cause }))
    })
    request.end(payload)
  })
}

async function bodyOf(response: IncomingMessage): Promise<Uint8Array> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > BODY_BYTES_MAX)
      throw new Error(`The answer of a function has more than ${BODY_BYTES_MAX} bytes.`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function headerOf({ headers }: IncomingMessage): FunctionPortAnswer['header'] {
  return (name) => {
    const value = headers[name]
    return typeof value === 'string' ? value : undefined
  }
}
