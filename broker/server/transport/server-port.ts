// The port of a server: the listening socket, and the TLS door behind it where the port speaks TLS. Runs on the main thread of
// controller and host. It says of each socket how it comes, and keeps none.
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { isLoopback } from '../../../protocol/access/loopback.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { ALPN_PROTOCOL } from '../../../protocol/version.ts'
import { hostOf } from '../../access/quotas/source-address.ts'
import type { ServedCertificates } from '../../certificates-contract.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Peer } from '../session-home.ts'
import { arrivalBy } from '../tls/arrival.ts'
import { openTlsDoor } from '../tls/open-tls-door.ts'
import type { TlsDoor } from '../tls/tls-door.ts'
import { openListener, type Listener } from './listener.ts'

export interface ServerPortOptions {
  /** Makes the port speak TLS, and nothing else. */
  readonly certificates: ServedCertificates | undefined
  readonly helloDeadlineMs: number
  readonly onSocket: (socket: Socket, peer: Peer) => void
  readonly log: Logger
  readonly metrics: Instruments
}

export class ServerPort {
  readonly #options: ServerPortOptions
  readonly #door: TlsDoor | undefined
  #listener: Listener | undefined

  constructor(options: ServerPortOptions) {
    const { certificates, helloDeadlineMs, log, metrics } = options
    this.#options = options
    const protocol = { name: ALPN_PROTOCOL, isRequired: true }
    // The session's own deadline comes first, and says what was missing.
    const handshakeMs = 2 * helloDeadlineMs
    this.#door = certificates && openTlsDoor({ certificates, protocol, handshakeMs, log, metrics })
  }

  async listen(at: { host: string; port: number }): Promise<{ port: number }> {
    invariant(this.#listener === undefined, 'a server listens once')
    const { onSocket, log } = this.#options
    this.#listener = await openListener({
      ...at,
      onSocket: (socket, remote) => onSocket(socket, this.#peerOf(socket, remote)),
      onError: (error) => log.error({ err: error }, 'a connection could not be accepted'),
    })
    return { port: this.#listener.port }
  }

  renewCertificates(certificates: ServedCertificates): void {
    this.#door?.renew(certificates)
  }

  /** Stops accepting. */
  close(): void {
    this.#listener?.close()
  }

  #peerOf(socket: Socket, remote: string): Peer {
    if (this.#door !== undefined) return { remote, arrival: arrivalBy(this.#door, socket) }
    return { remote, arrival: { isPrivate: isLoopback(hostOf(remote)), certificateNames: [] } }
  }
}

/** Removes the port from `10.1.2.3:4567` or `[::1]:4567`. */
export function addressOf(remote: string): string {
  return remote.replace(/:\d+$/, '')
}
