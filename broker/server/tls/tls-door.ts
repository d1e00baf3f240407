// Turns accepted sockets into TLS streams. Runs on the main thread of every process that listens. TLS 1.3 alone: it has no
// renegotiation, no compression and no weak ciphers to turn off. It keeps no socket: who hands one over counts it, and ends it
// where the handshake takes too long. New certificates hold for the handshakes that begin after them.
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { createSecureContext, createServer, type Server, type TlsOptions, type TLSSocket } from 'node:tls'
import type { ServedCertificates } from '../../certificates-contract.ts'
import type { Malformation, Secured } from '../transport/connection.ts'

/** What came of an accepted socket. The names say how a handshake is counted. */
export type HandshakeOutcome = 'begun' | 'resumed' | 'refused' | 'failed' | 'plaintext'

/** The first byte of a TLS handshake. No frame, and no request of HTTP, begins with it. */
const HANDSHAKE_RECORD = 0x16

export interface TlsDoorOptions {
  readonly certificates: ServedCertificates
  /** The protocol of the port, by its name in ALPN; whether a client must ask for it, or only for no other. */
  readonly protocol: { readonly name: string; readonly isRequired: boolean }
  /** Node's own limit, a second belt: a session ends by its own deadline. */
  readonly handshakeMs: number
  readonly onOutcome: (outcome: HandshakeOutcome, why?: string) => void
}

export class TlsDoor {
  /** Never listens: it is handed sockets, which is the documented use of its event `connection`. */
  readonly #server: Server
  readonly #options: TlsDoorOptions

  constructor(options: TlsDoorOptions) {
    const { certificates, protocol, handshakeMs } = options
    this.#options = options
    this.#server = createServer({
      ...serverContext(certificates),
      ALPNProtocols: [protocol.name],
      requestCert: certificates.clients !== 'none',
      // What is wrong with a client's certificate is told over the connection, where a sentence can say it.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeMs,
    })
  }

  /** Shows and trusts these from now on; whether clients need certificates does not change. Sessions of before do not go on. */
  renew(certificates: ServedCertificates): void {
    this.#server.setSecureContext(serverContext(certificates))
  }

  /**
   * Fulfils when the handshake is over, also with a refusal that the client is still to be told. Rejects with the reason where
   * there will be no secure stream; stays unsettled if the socket closes before.
   */
  async secure(socket: Socket): Promise<Secured> {
    const firstBytes = await firstBytesOf(socket)
    if (firstBytes[0] !== HANDSHAKE_RECORD) {
      this.#options.onOutcome('plaintext')
      const message = 'This port speaks TLS alone: write millraces:// or https:// in the url.'
      return {
        stream: socket,
        certificateNames: [],
        refusal: tlsFailed(message),
        firstBytes,
      }
    }
    socket.unshift(firstBytes)
    try {
      const stream = await this.#handshake(socket)
      const refusal = refusalOf(stream, this.#options)
      this.#options.onOutcome(outcomeOf(stream, refusal), refusal?.message)
      return { stream, certificateNames: refusal === undefined ? namesOf(stream) : [], refusal }
    } catch (error) {
      this.#options.onOutcome('failed', error instanceof Error ? error.message : String(error))
      throw error
    }
  }

  /**
   * Node tells only the server when a handshake is over. So each socket gets a server of its own that shares everything with the
   * real one except what it is told.
   */
  #handshake(socket: Socket): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const own = Object.create(this.#server) as Server
      own.emit = (event: string, ...values: unknown[]) => {
        if (event === 'secureConnection') resolve(values[0] as TLSSocket)
        else if (event === 'tlsClientError') reject(values[0] instanceof Error ? values[0] : new Error(event))
        return true
      }
      EventEmitter.prototype.emit.call(own, 'connection', socket)
    })
  }
}

/** Returns why no handshake could be made with these, in the words of OpenSSL; undefined where they can be served. */
export function faultOf(certificates: ServedCertificates): string | undefined {
  try {
    createSecureContext(serverContext(certificates))
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** What a TLS server is made of, and made anew of. */
function serverContext({ cert, key, clientsCa }: ServedCertificates): TlsOptions {
  return {
    cert,
    key,
    ...(clientsCa !== null && { ca: clientsCa }),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
  }
}

function outcomeOf(stream: TLSSocket, refusal: Malformation | undefined): HandshakeOutcome {
  if (refusal !== undefined) return 'refused'
  return stream.isSessionReused() ? 'resumed' : 'begun'
}

function tlsFailed(message: string): Malformation {
  return { code: 'tlsFailed', message }
}

/** Says what a client lacks that has completed the handshake. */
function refusalOf(
  stream: TLSSocket,
  { protocol, certificates: { clients } }: TlsDoorOptions,
): Malformation | undefined {
  if (protocol.isRequired && stream.alpnProtocol !== protocol.name) {
    return tlsFailed(`A client of this port asks by ALPN for ${protocol.name}.`)
  }
  if (clients === 'none') return undefined
  // Asked before `authorized`, which is true of a session without a certificate once it goes on by a ticket.
  if (stream.getPeerX509Certificate() === undefined) {
    if (clients === 'optional') return undefined
    return tlsFailed(
      'This broker wants a certificate of the client: give tls.cert and tls.key, or --cert and --cert-key.',
    )
  }
  if (stream.authorized) return undefined
  const reason = String(stream.authorizationError)
  const message = `The certificate of this client is not trusted here (${reason}): it must be valid, and signed by an authority that the broker knows.`
  return tlsFailed(message)
}

/** Returns the first bytes that the peer sends. Never settles if it sends none. */
function firstBytesOf(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const look = (): void => {
      const bytes = socket.read() as Buffer | null
      if (bytes === null) return
      socket.off('readable', look)
      resolve(bytes)
    }
    socket.on('readable', look)
  })
}

/**
 * Returns the subject alternative names of the client's certificate, with their types: `DNS:shop`, `URI:spiffe://a/b`,
 * `email:shop@example.org`. Node quotes, as JSON, a name that could be taken for several ones; such a name is left out.
 */
function namesOf(stream: TLSSocket): readonly string[] {
  const text = stream.authorized ? stream.getPeerX509Certificate()?.subjectAltName : undefined
  return text === undefined || text.includes('"') ? [] : text.split(', ')
}
