// The admin port: health, readiness and metrics for probes and scrapers. Runs in the controller, on the main thread.
// It answers GET and HEAD on three paths, never reads a body, and gives no connection more than a few seconds. A failed
// probe makes orchestrators restart the broker, so slow connections must not lock probes out: a new connection takes the
// place of the connection that has been silent for longest.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { isIP, type AddressInfo, type Socket } from 'node:net'
import type { Logger } from 'pino'
import { isLoopback } from '../../protocol/access/loopback.ts'
import type { Scraper, ScrapeRefusal } from '../access/scraper.ts'
import type { ServedCertificates } from '../certificates-contract.ts'
import type { Instruments } from '../telemetry/instruments.ts'
import { Places } from './places.ts'
import { sharedRun } from './shared-run.ts'
import { openTlsDoor } from './tls/open-tls-door.ts'
import type { TlsDoor } from './tls/tls-door.ts'

export interface AdminServerOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** Says whether the broker can serve, and if not, why. Answers /readyz: 200 or 503. */
  readonly ready: () => { readonly ready: boolean; readonly reasons: readonly string[] }
  /** Makes Prometheus text. Answers /metrics; requests at the same time share one call. */
  readonly metrics: () => Promise<string>
  /** Says why the metrics are refused to one who asks; undefined where he gets them. Default: everybody gets them. */
  readonly refusalOf?: (scraper: Scraper) => ScrapeRefusal | undefined
  /** Host names, beside addresses and `localhost`, under which /metrics answers: see `isForeignName`. */
  readonly names: readonly string[]
  /** Makes the port speak TLS, and nothing else. Probes and scrapers need no certificates. */
  readonly tls?: { readonly certificates: ServedCertificates; readonly metrics: Instruments } | undefined
  readonly log: Logger
}

export interface AdminServer {
  readonly port: number
  /** Shows these certificates from now on. Does nothing in a server without TLS. */
  renewCertificates(certificates: ServedCertificates): void
  close(): Promise<void>
}

interface Answer {
  readonly status: 200 | 401 | 403 | 404 | 405 | 500 | 503
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Many, because slow connections that come again as soon as they lost their place would otherwise take the place of a probe
 * between its accept and its request. More than the kernel lets wait, so that those accepted in one turn fit.
 */
const CONNECTIONS_MAX = 1024
const HEADER_BYTES_MAX = 8 * 1024
const REQUEST_DEADLINE_MS = 2_000
const IDLE_MS = 5_000
/** Longest time from a request to the last byte of its answer. */
const ANSWER_DEADLINE_MS = 10_000

const JSON_TYPE = 'application/json; charset=utf-8'
const TEXT_TYPE = 'text/plain; charset=utf-8'
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Opens the admin port; rejects with the system's error where it cannot listen. Port 0 picks a free port. */
export async function createAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_DEADLINE_MS,
      requestTimeout: REQUEST_DEADLINE_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: 500,
    },
    (request, response) => {
      const answered = places.use(holderOf.get(request.socket) ?? request.socket)
      response.once('close', answered)
      void respond(request, response, { ...options, metrics: scrape })
    },
  )
  const places = new Places<Socket>(CONNECTIONS_MAX)
  /** By TLS streams, the accepted sockets below them: a socket has its place while its handshake is under way. */
  const holderOf = new WeakMap<Socket, Socket>()
  const door = doorOf(options)
  const [serve] = server.listeners('connection') as [(stream: Socket) => void]
  server.removeAllListeners('connection')
  const scrape = sharedRun(options.metrics)
  server.timeout = ANSWER_DEADLINE_MS
  server.on('connection', (socket) => {
    places.take(socket)?.destroy()
    socket.once('close', () => places.leave(socket))
    if (door === undefined) return serve.call(server, socket)
    void secure(door, socket).then((stream) => {
      if (stream === undefined) return
      holderOf.set(stream, socket)
      serve.call(server, stream)
    })
  })
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
    renewCertificates: (certificates) => door?.renew(withoutClients(certificates)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function doorOf({ tls, log }: AdminServerOptions): TlsDoor | undefined {
  if (tls === undefined) return undefined
  return openTlsDoor({
    certificates: withoutClients(tls.certificates),
    protocol: { name: 'http/1.1', isRequired: false },
    handshakeMs: REQUEST_DEADLINE_MS,
    log,
    metrics: tls.metrics,
  })
}

function withoutClients(certificates: ServedCertificates): ServedCertificates {
  return { ...certificates, clients: 'none', clientsCa: null }
}

/** Returns the secure stream; undefined where there will be none. A socket that takes too long is closed. */
async function secure(door: TlsDoor, socket: Socket): Promise<Socket | undefined> {
  socket.on('error', () => {})
  socket.setTimeout(REQUEST_DEADLINE_MS, () => socket.destroy())
  try {
    const { stream, refusal } = await door.secure(socket)
    socket.setTimeout(0)
    if (refusal === undefined) return stream as Socket
    socket.end(BAD_REQUEST)
  } catch {
    socket.destroy()
  }
  return undefined
}

const BAD_REQUEST =
  'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n' +
  'This port speaks TLS: write https:// in the url.\n'

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminServerOptions,
): Promise<void> {
  request.resume() // the body is ignored, but an unread body would block the connection
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
  if (!probes.includes(serve) && isForeignName(request.headers.host, options.names)) {
    const body = `The Host header of this request is not a known name of this broker; add it with --admin-names.\n`
    return { status: 403, type: TEXT_TYPE, body }
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const body = `${request.method} is not served here. Use GET or HEAD.\n`
    return { status: 405, type: TEXT_TYPE, body, headers: { Allow: 'GET, HEAD' } }
  }
  const refused = probes.includes(serve) ? undefined : options.refusalOf?.(scraperOf(request, options))
  if (refused !== undefined) return unscraped(refused)
  try {
    return await serve(options)
  } catch (error) {
    options.log.error({ err: error, path }, 'an admin request failed')
    return { status: 500, type: TEXT_TYPE, body: 'The answer failed; the log has the details.\n' }
  }
}

function scraperOf({ headers, socket }: IncomingMessage, { tls }: AdminServerOptions): Scraper {
  const isPrivate = tls !== undefined || isLoopback(socket.remoteAddress ?? '')
  return { authorization: headers.authorization, isPrivate }
}

function unscraped({ code, message }: ScrapeRefusal): Answer {
  const answer = { type: TEXT_TYPE, body: `${message}\n` }
  if (code === 'permissionDenied') return { ...answer, status: 403 }
  return { ...answer, status: 401, headers: { 'WWW-Authenticate': 'Bearer' } }
}

// Always healthy: a process with a broken invariant ends, so one that can answer is in order.
const health: Route = () => verdict(true, { status: 'healthy', reasons: [] })

const readiness: Route = ({ ready }) => {
  const state = ready()
  return verdict(state.ready, { status: state.ready ? 'ready' : 'notReady', reasons: state.reasons })
}

/** Routes that answer under any host name: they reveal nothing about stored data. */
const probes: readonly Route[] = [health, readiness]

type Route = (options: AdminServerOptions) => Answer | Promise<Answer>

const routes: { readonly [path: string]: Route } = {
  // No prototype: the path comes from the peer, and might be `constructor`.
  __proto__: null as never,
  '/healthz': health,
  '/readyz': readiness,
  '/metrics': async ({ metrics }) => ({ status: 200, type: METRICS_TYPE, body: await metrics() }),
}

function verdict(good: boolean, body: object): Answer {
  return { status: good ? 200 : 503, type: JSON_TYPE, body: `${JSON.stringify(body)}\n` }
}

/**
 * True for a Host header that is neither an address, nor `localhost`, nor one of `names`. Defends against DNS rebinding: a
 * web page can make its own name resolve to this machine and so read what only this machine may read, but its requests
 * always carry its own name as Host header.
 */
export function isForeignName(hostHeader: string | undefined, names: readonly string[]): boolean {
  if (hostHeader === undefined) return false // browsers always send the header
  if (isIP(hostHeader) !== 0) return false
  const host = hostHeader.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase()
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  return isIP(bare) === 0 && host !== 'localhost' && !names.some((name) => name.toLowerCase() === host)
}
