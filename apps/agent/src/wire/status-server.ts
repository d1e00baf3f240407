// The port of the agent: its page, the same as JSON, and its metrics. Runs in the process of the agent. It only shows; it changes nothing.
import { readFile } from 'node:fs/promises'
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { isIP, type AddressInfo } from 'node:net'

export interface StatusView {
  readonly type: string
  readonly body: () => string
}

export interface StatusServerOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined
  /** By path. */
  readonly views: Readonly<Record<string, StatusView>>
}

const HEAD_MS = 10_000
const IDLE_MS = 5_000
const CONNECTIONS_MAX = 64

export class StatusServer {
  readonly url: string
  readonly #server: Server

  private constructor(server: Server, url: string) {
    this.#server = server
    this.url = url
  }

  /** Rejects with a sentence for the operator where the port cannot be opened. */
  static async open({ host, port, tls, views }: StatusServerOptions): Promise<StatusServer> {
    const serve = (request: IncomingMessage, response: ServerResponse): void =>
      isOthersName(request.headers.host, host) ? refuse(response) : answer(request, response, views)
    const limits = { headersTimeout: HEAD_MS, requestTimeout: HEAD_MS, keepAliveTimeout: IDLE_MS }
    const server =
      tls === undefined
        ? createHttp(limits, serve)
        : createHttps(
            { ...limits, cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) },
            serve,
          )
    server.maxConnections = CONNECTIONS_MAX
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port }, resolve)
      })
    } catch (error) {
      throw listenFailure(error, `${host}:${port}`)
    }
    const { port: opened } = server.address() as AddressInfo
    const shownHost = host.includes(':') ? `[${host}]` : host
    return new StatusServer(server, `${tls === undefined ? 'http' : 'https'}://${shownHost}:${opened}`)
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }
}

/**
 * True where a request to this machine alone gives it a name that nobody here gave it: then a page of others had its own name point here, so
 * that a browser would let it read the answer.
 */
function isOthersName(given: string | undefined, host: string): boolean {
  if (given === undefined || !isLocal(host)) return false
  const name = URL.canParse(`http://${given}`) ? new URL(`http://${given}`).hostname : ''
  return name !== host && name !== 'localhost' && isIP(name.replace(/^\[(.*)\]$/, '$1')) === 0
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

function refuse(response: ServerResponse): void {
  response.writeHead(403, { 'content-type': 'text/plain' })
  response.end('The Host header is no name of this machine: ask by its address.\n')
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  views: StatusServerOptions['views'],
): void {
  const path = (request.url ?? '/').split('?')[0]!
  const view = Object.hasOwn(views, path) ? views[path] : undefined
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  // What is shown is for those who may look at this machine, and not for pages of others in their browser.
  const headers = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  }
  if (view === undefined || !isRead) {
    response.writeHead(view === undefined ? 404 : 405, { ...headers, 'content-type': 'text/plain' })
    response.end(`There is ${Object.keys(views).join(', ')}, by GET.\n`)
    return
  }
  const body = view.body()
  response.writeHead(200, {
    ...headers,
    'content-type': view.type,
    'content-length': Buffer.byteLength(body),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function listenFailure(cause: unknown, where: string): Error {
  const { code, message } = cause as NodeJS.ErrnoException
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `${where} is in use, perhaps by another agent; choose another port.`,
    EACCES: `This user may not listen on ${where}; choose a port above 1023.`,
    EADDRNOTAVAIL: `${where} is not an address of this machine; choose another host.`,
    ENOTFOUND: `${where} names no known host; choose another.`,
  }
  return new Error(reasons[code ?? ''] ?? message, { cause })
}
