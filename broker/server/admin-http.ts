// The admin port: health, readiness and metrics for probes and scrapers. Runs in the controller, on the main thread.
// It answers GET and HEAD on three paths, never reads a body, and gives no connection more than a few seconds.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'

export interface AdminServerOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** Can it serve? Answers /readyz: 200 or 503, with every reason why not. */
  readonly ready: () => { readonly ready: boolean; readonly reasons: readonly string[] }
  /** Prometheus text. Answers /metrics. */
  readonly metrics: () => Promise<string>
  readonly log: Logger
}

export interface AdminServer {
  readonly port: number
  close(): Promise<void>
}

interface Answer {
  readonly status: 200 | 404 | 405 | 500 | 503
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

const CONNECTIONS_MAX = 64
const HEADER_BYTES_MAX = 8 * 1024
const REQUEST_DEADLINE_MS = 5_000
const IDLE_MS = 5_000

const JSON_TYPE = 'application/json; charset=utf-8'
const TEXT_TYPE = 'text/plain; charset=utf-8'
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Listens; rejects with the system's error where it cannot. Port 0 picks a free one. */
export async function createAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_DEADLINE_MS,
      requestTimeout: REQUEST_DEADLINE_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => void respond(request, response, options),
  )
  server.maxConnections = CONNECTIONS_MAX
  server.timeout = 2 * REQUEST_DEADLINE_MS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.listen, () => {
      server.off('error', reject)
      server.on('error', (error) => options.log.error({ err: error }, 'the admin port failed'))
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminServerOptions,
): Promise<void> {
  request.resume() // a body is not for us, but it must not block the connection
  const { status, type, body, headers } = await answer(request, options)
  response.writeHead(status, {
    ...headers,
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

async function answer(request: IncomingMessage, options: AdminServerOptions): Promise<Answer> {
  const path = request.url?.split('?', 1)[0]
  const serve = path === undefined ? undefined : routes[path]
  if (serve === undefined) {
    const body = `There is nothing at this path. Try ${Object.keys(routes).join(', ')}.\n`
    return { status: 404, type: TEXT_TYPE, body }
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const body = `${request.method} is not served here. Use GET or HEAD.\n`
    return { status: 405, type: TEXT_TYPE, body, headers: { Allow: 'GET, HEAD' } }
  }
  try {
    return await serve(options)
  } catch (error) {
    options.log.error({ err: error, path }, 'an admin request failed')
    return { status: 500, type: TEXT_TYPE, body: 'The answer failed; the log has the details.\n' }
  }
}

const routes: { readonly [path: string]: (options: AdminServerOptions) => Answer | Promise<Answer> } = {
  // No prototype: a path is a peer's word.
  __proto__: null as never,
  // That it is answered is the answer: a process that is not in order ends.
  '/healthz': () => verdict(true, { status: 'healthy', reasons: [] }),
  '/readyz': ({ ready }) => {
    const state = ready()
    return verdict(state.ready, { status: state.ready ? 'ready' : 'notReady', reasons: state.reasons })
  },
  '/metrics': async ({ metrics }) => ({ status: 200, type: METRICS_TYPE, body: await metrics() }),
}

function verdict(good: boolean, body: object): Answer {
  return { status: good ? 200 : 503, type: JSON_TYPE, body: `${JSON.stringify(body)}\n` }
}
