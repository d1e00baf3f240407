// `fetch` for the ports of other apps of the broker: over TLS it trusts the authorities that the client trusts, which Node's own `fetch`
// cannot be told. Runs in the app.
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { Readable } from 'node:stream'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { AskTls } from 'millrace'

export type Fetch = (url: string, init: RequestInit & { readonly body?: Uint8Array }) => Promise<Response>

/** Answers that have no body. */
const EMPTY_STATUSES = new Set([204, 205, 304])

/** @param askTls how the broker is reached; asked at each call. Without authorities of its own, the well-known ones count. */
export function trustingFetch(askTls: AskTls | undefined): Fetch {
  const agent = new Agent({ keepAlive: true })
  return async (url, init) => {
    const { ca, serverName } = url.startsWith('https:') ? ((await askTls?.()) ?? {}) : {}
    if (ca === undefined) return fetch(url, init)
    const { method, body, signal } = init
    const message = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = {
        agent,
        // Connections are shared by what has the same authorities.
        ca: typeof ca === 'string' ? ca : Buffer.from(ca),
        // In the daemon, the port shows the broker's own certificate.
        checkServerIdentity: (host: string, certificate: PeerCertificate) =>
          [host, serverName ?? host].some((name) => checkServerIdentity(name, certificate) === undefined)
            ? undefined
            : checkServerIdentity(host, certificate),
        ...(method !== undefined && { method }),
        ...(signal && { signal }),
        headers: { ...Object.fromEntries(new Headers(init.headers)), 'content-length': body?.length ?? 0 },
      }
      request(url, options).on('response', resolve).on('error', reject).end(body)
    })
    return responseOf(message)
  }
}

function responseOf(message: IncomingMessage): Response {
  const { statusCode: status = 0 } = message
  const headers = Object.entries(message.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  )
  if (!EMPTY_STATUSES.has(status)) {
    return new Response(Readable.toWeb(message) as ReadableStream<Uint8Array>, { status, headers })
  }
  message.resume()
  return new Response(null, { status, headers })
}
