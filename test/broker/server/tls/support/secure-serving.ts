// A server that listens by TLS in the test's process, and clients of it that go wrong as the test says.
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { ServedCertificates } from '../../../../../broker/certificates-contract.ts'
import { TestAuthority } from '../../../../support/certificates.ts'
import { RawConnection } from '../../../../support/raw-connection.ts'
import { serving, type Serving, type ServingOptions } from '../../serving.ts'

export class SecureServing implements AsyncDisposable {
  readonly serving: Serving
  readonly port: number
  readonly authority: TestAuthority
  readonly #sockets: Socket[] = []

  private constructor(home: Serving, port: number, authority: TestAuthority) {
    this.serving = home
    this.port = port
    this.authority = authority
  }

  static async start(
    options: ServingOptions<never> = {},
    clients: ServedCertificates['clients'] = 'none',
  ): Promise<SecureServing> {
    const authority = await TestAuthority.make()
    const certificates = await certificatesOf(authority, clients)
    const home = serving<never>({}, { certificates, ...options })
    const { port } = await home.server.listen({ host: '127.0.0.1', port: 0 })
    return new SecureServing(home, port, authority)
  }

  /** Begins a TLS connection, as a client does by default. Errors are left to the test. */
  dial(options: ConnectionOptions = {}): TLSSocket {
    const socket = connectTls({
      host: '127.0.0.1',
      port: this.port,
      ca: this.authority.ca,
      ALPNProtocols: ['millrace/1'],
      minVersion: 'TLSv1.3',
      ...options,
    })
    this.#sockets.push(socket)
    return socket
  }

  /** Opens a session. */
  async connect(options: ConnectionOptions = {}): Promise<RawConnection> {
    const connection = new RawConnection(this.dial(options))
    await connection.hello()
    return connection
  }

  /** Opens a TCP connection without TLS. */
  plain(): Socket {
    const socket = connectTcp(this.port, '127.0.0.1')
    this.#sockets.push(socket)
    return socket
  }

  outcome(name: string): number {
    return this.serving.counted.sum('millrace_tls_handshakes_total', name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await this.serving.server.close()
  }
}

/** Certificates of a broker at this machine. */
export async function certificatesOf(
  authority: TestAuthority,
  clients: ServedCertificates['clients'] = 'none',
): Promise<ServedCertificates> {
  const own = await authority.sign(['localhost', '127.0.0.1'])
  return { ...own, clients, clientsCa: clients === 'none' ? null : authority.ca }
}

/** How a connection attempt ended: the code of the error that the socket had, or `closed`. */
export function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.once('close', () => resolve('closed'))
  })
}
