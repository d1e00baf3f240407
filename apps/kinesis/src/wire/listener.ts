// The one port of an endpoint: connections, told apart by what they speak, and given to Node's servers of HTTP/1.1 and HTTP/2.
// Runs in the endpoint. This folder alone opens ports.
import { createServer as createHttp1, type Server as Http1Server } from 'node:http'
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from 'node:http2'
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTls, type Server as TlsServer, type TLSSocket } from 'node:tls'
import type { Incoming, Outgoing } from './exchange.ts'
import type { WireLimits } from './limits.ts'
import { sniff } from './sniff.ts'

/** A certificate chain and its private key, in PEM. */
export interface Certificate {
  readonly cert: string | Uint8Array
  readonly key: string | Uint8Array
}

export interface ListenerOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Undefined: TLS is not spoken. */
  readonly certificate: Certificate | undefined
  readonly limits: WireLimits
  readonly serve: (request: Incoming, response: Outgoing) => void
}

/** A window in which one request of the largest size is on its way without waiting. */
const SESSION_WINDOW_BYTES = 16 * 1024 * 1024
const STREAM_WINDOW_BYTES = 1024 * 1024

const TLS_OPTIONS = { minVersion: 'TLSv1.2' } as const

export class Listener {
  readonly #limits: WireLimits
  readonly #tcp: Server
  readonly #http1: Http1Server
  readonly #http2: Http2Server
  readonly #tls: TlsServer | undefined
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  #closing = false

  private constructor({ certificate, limits, serve }: ListenerOptions) {
    this.#limits = limits
    this.#http1 = http1Server(limits, serve)
    this.#http2 = http2Server(limits, serve)
    this.#http2.on('session', (session) => this.#watch(session))
    this.#tls = certificate && this.#tlsServer(certificate)
    // A client may end its side once it has sent its request, and still wants the answer.
    this.#tcp = createTcp({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
    this.#tcp.maxConnections = limits.connectionsMax
  }

  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options)
    const { host, port } = options
    await new Promise<void>((resolve, reject) => {
      listener.#tcp.once('error', reject)
      listener.#tcp.listen({ host, port }, () => {
        listener.#tcp.off('error', reject)
        resolve()
      })
    })
    // A connection that cannot be accepted is its client's to try again.
    listener.#tcp.on('error', () => {})
    return listener
  }

  get port(): number {
    return (this.#tcp.address() as AddressInfo).port
  }

  /** Connections at this time. */
  get connections(): number {
    return this.#sockets.size
  }

  /** Shows another certificate to connections from now on. Throws where it is none. */
  renew({ cert, key }: Certificate): void {
    this.#tls?.setSecureContext({ ...TLS_OPTIONS, cert: Buffer.from(cert), key: Buffer.from(key) })
  }

  /** Takes no more connections and requests, gives those in flight some time, and ends. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    const closed = new Promise<void>((resolve) => {
      this.#tcp.close(() => resolve())
    })
    this.#http1.close()
    this.#http1.closeIdleConnections()
    for (const session of this.#sessions) session.close()
    const deadline = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, this.#limits.closingMs)
    await closed
    clearTimeout(deadline)
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    // Its close follows. Without a listener the error would end the process.
    socket.on('error', () => {})
    if (this.#closing) {
      socket.destroy()
      return
    }
    const found = (spoken: 'http1' | 'http2' | 'tls'): void => {
      if (spoken !== 'tls') this.#serve(socket, spoken)
      else if (this.#tls === undefined) socket.destroy()
      else this.#tls.emit('connection', socket)
    }
    sniff(socket, { withinMs: this.#limits.openingMs, found })
  }

  #tlsServer({ cert, key }: Certificate): TlsServer {
    const { openingMs } = this.#limits
    const options = {
      ...TLS_OPTIONS,
      cert: Buffer.from(cert),
      key: Buffer.from(key),
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: openingMs,
    }
    const server = createTls(options, (socket) => {
      socket.on('error', () => {})
      sniff(socket, {
        withinMs: openingMs,
        found: (spoken) => (spoken === 'tls' ? socket.destroy() : this.#serve(socket, spoken)),
      })
    })
    server.on('tlsClientError', (_error, socket) => socket.destroy())
    return server
  }

  #serve(socket: Socket | TLSSocket, spoken: 'http1' | 'http2'): void {
    if (spoken === 'http1') {
      this.#http1.emit('connection', socket)
      return
    }
    // Node's server goes by what was negotiated, and refuses HTTP/2 on a TLS connection where nothing was.
    if ('alpnProtocol' in socket && socket.alpnProtocol !== 'h2') {
      Object.defineProperty(socket, 'alpnProtocol', { value: 'h2' })
    }
    this.#http2.emit('connection', socket)
  }

  /** Ends a session that has had no stream for a while. */
  #watch(session: ServerHttp2Session): void {
    const { headMs, idleMs } = this.#limits
    this.#sessions.add(session)
    session.setLocalWindowSize(SESSION_WINDOW_BYTES)
    let streams = 0
    const end = (): void => {
      session.close()
      // What does not answer the farewell is cut off.
      session.setTimeout(headMs, () => session.destroy())
    }
    let timer = setTimeout(end, headMs)
    session.on('stream', (stream) => {
      streams += 1
      clearTimeout(timer)
      stream.once('close', () => {
        streams -= 1
        if (streams === 0 && !session.closed) timer = setTimeout(end, idleMs)
      })
    })
    session.on('error', () => {})
    session.on('close', () => {
      clearTimeout(timer)
      this.#sessions.delete(session)
    })
    if (this.#closing) session.close()
  }
}

function http1Server(limits: WireLimits, serve: ListenerOptions['serve']): Http1Server {
  const server = createHttp1(
    {
      maxHeaderSize: limits.headBytesMax,
      headersTimeout: limits.headMs,
      requestTimeout: limits.headMs + limits.bodyMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: Math.min(limits.headMs, 1000),
      noDelay: true,
    },
    serve,
  )
  server.maxHeadersCount = limits.headersMax
  // It listens to nothing itself; it looks after the deadlines of its connections from this event on.
  server.emit('listening')
  return server
}

function http2Server(limits: WireLimits, serve: ListenerOptions['serve']): Http2Server {
  const server = createHttp2(
    {
      maxHeaderListPairs: limits.headersMax,
      settings: {
        maxConcurrentStreams: limits.streamsPerSessionMax,
        maxHeaderListSize: limits.headBytesMax,
        initialWindowSize: STREAM_WINDOW_BYTES,
        enablePush: false,
      },
      // In MB: what a session may hold beside the bodies that are counted.
      maxSessionMemory: 32,
    },
    serve,
  )
  server.on('sessionError', () => {})
  return server
}
