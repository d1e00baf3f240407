// TLS for `millraces://`: the socket that the client opens to each process of a broker. Runs in the client. TLS 1.3 only. The
// certificate must be for a name of the broker, be signed by a trusted authority, and both sides must speak `millrace/1`.
import { isIP } from 'node:net'
import { checkServerIdentity, connect, createSecureContext, type SecureContext } from 'node:tls'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { ALPN_PROTOCOL } from '../../protocol/version.ts'
import { endSentence, errorFrom } from '../errors.ts'
import { onAbort, throwIfAborted } from '../waiting.ts'
import { addressText } from './address.ts'
import { findAuthorityFault } from './authorities.ts'
import { asTlsFailure, speaksAnotherProtocol } from './tls-failure.ts'
import type { Dial } from './transport.ts'

/** What the client trusts, and how it proves who it is. Texts in PEM, as files have them. */
export interface TlsOptions {
  /** Certificates of the authorities that may sign the broker's. Without it, the well-known ones that Node brings. */
  readonly ca?: string | Uint8Array
  /** The client's certificate, and those that lead to its authority, for a broker that asks for one. */
  readonly cert?: string | Uint8Array
  /** The private key of `cert`. */
  readonly key?: string | Uint8Array
  /** The name that the broker's certificate must have, where it is neither in the url nor the broker's own address. */
  readonly serverName?: string
}

/** Most addresses whose sessions are remembered. */
const SESSIONS_KEPT = 256

/** Asked at each dial, so that certificates can change while a client runs. */
export type AskTls = () => TlsOptions | Promise<TlsOptions>

/**
 * Makes a dial function for TLS. `brokerHosts` are the hosts of the url: a shard host, whose address the controller gives, may
 * have a certificate for that address, or for one of them.
 */
export function tlsDialer(ask: AskTls, brokerHosts: readonly string[]): Dial {
  let credentials: Credentials | undefined
  return async (address, signal) => {
    const options = await ask()
    if (credentials === undefined || !credentials.areMadeOf(options)) credentials = new Credentials(options)
    throwIfAborted(signal)
    const { context, sessions } = credentials
    const { serverName } = options
    const names = serverName === undefined ? [...new Set([address.host, ...brokerHosts])] : [serverName]
    const at = addressText(address)
    return new Promise((resolve, reject) => {
      const session = sessions.get(at)
      const socket = connect({
        host: address.host,
        port: address.port,
        secureContext: context,
        ALPNProtocols: [ALPN_PROTOCOL],
        // An address has no place in the extension: RFC 6066, section 3.
        servername: names.find((name) => isIP(name) === 0) ?? '',
        checkServerIdentity: (_, certificate) => {
          const refusals = names.map((name) => checkServerIdentity(name, certificate))
          return refusals.includes(undefined) ? undefined : refusals[0]
        },
        ...(session && { session }),
      })
      socket.setNoDelay(true)
      const stop = onAbort(signal, () => socket.destroy(new Error('the connection is no longer needed')))
      socket.once('error', (error: Error) => {
        stop()
        sessions.delete(at)
        const failure = asTlsFailure(error, { at, names })
        reject(failure ?? error)
      })
      socket.on('session', (given: Buffer) => keep(sessions, at, given))
      socket.once('secureConnect', () => {
        stop()
        socket.removeAllListeners('error')
        if (socket.alpnProtocol === ALPN_PROTOCOL) resolve(socket)
        else {
          socket.destroy()
          reject(speaksAnotherProtocol(at))
        }
      })
    })
  }
}

/** Remembers the session with an address, by which the next handshake there is cheap. */
function keep(sessions: Map<string, Buffer>, at: string, session: Buffer): void {
  sessions.delete(at)
  sessions.set(at, session)
  for (const oldest of sessions.keys()) {
    if (sessions.size <= SESSIONS_KEPT) break
    sessions.delete(oldest)
  }
}

/** Certificates and keys made ready, with the sessions that began with them: others must not go on with these. */
class Credentials {
  readonly context: SecureContext
  readonly sessions = new Map<string, Buffer>()
  readonly #options: TlsOptions

  constructor(options: TlsOptions) {
    this.#options = { ...options }
    const { ca, cert, key } = options
    if ((cert === undefined) !== (key === undefined)) {
      throw invalid('tls.cert and tls.key belong together; give both, or neither')
    }
    const fault = ca === undefined ? undefined : findAuthorityFault(pem(ca).toString())
    if (fault !== undefined) {
      throw invalid(`tls.ca ${fault}; give the certificate of the broker's authority, its ca.pem`)
    }
    try {
      this.context = createSecureContext({
        minVersion: 'TLSv1.3',
        maxVersion: 'TLSv1.3',
        ...(ca !== undefined && { ca: pem(ca) }),
        ...(cert !== undefined && { cert: pem(cert) }),
        ...(key !== undefined && { key: pem(key) }),
      })
    } catch (error) {
      const { message } = errorFrom(error)
      throw invalid(`tls is not made of certificates and a matching key in PEM: ${message}`, error)
    }
  }

  areMadeOf(options: TlsOptions): boolean {
    const names = ['ca', 'cert', 'key', 'serverName'] as const
    return names.every((name) => isSame(this.#options[name], options[name]))
  }
}

function isSame(a: string | Uint8Array | undefined, b: string | Uint8Array | undefined): boolean {
  if (a === b || a === undefined || b === undefined) return a === b
  return Buffer.from(pem(a)).equals(Buffer.from(pem(b)))
}

function pem(text: string | Uint8Array): string | Buffer {
  return typeof text === 'string' ? text : Buffer.from(text.buffer, text.byteOffset, text.byteLength)
}

function invalid(sentence: string, cause?: unknown): MillraceError {
  return new MillraceError('invalidArgument', endSentence(sentence), cause === undefined ? {} : { cause })
}
