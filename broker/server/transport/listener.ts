// The listening TCP socket. Runs on the main thread of controller and host. It passes accepted sockets on and keeps none.
import { createServer, type AddressInfo, type Socket } from 'node:net'

/** Delay of TCP keep-alive, by which the kernel notices a dead peer. */
const KEEP_ALIVE_MS = 30_000

/**
 * Connections that may wait to be accepted; the system may allow fewer. What comes beyond them is dropped, and tried again by
 * its peer after a whole second: a crowd that comes at once must not do that to others.
 */
const BACKLOG = 4096

export interface Listener {
  readonly port: number
  /** Stops accepting; accepted sockets stay open. */
  close(): void
}

export interface ListenerOptions {
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  readonly onSocket: (socket: Socket, remote: string) => void
  /** An accept failed, for example for lack of file descriptors; the listener continues. */
  readonly onError: (error: Error) => void
}

/** Opens the listening socket; rejects with the system's error where it cannot. */
export function openListener({ host, port, onSocket, onError }: ListenerOptions): Promise<Listener> {
  const server = createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
    (socket) => onSocket(socket, peerOf(socket)),
  )
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject)
      server.on('error', onError)
      resolve({ port: (server.address() as AddressInfo).port, close: () => void server.close() })
    })
  })
}

function peerOf({ remoteAddress, remoteFamily, remotePort }: Socket): string {
  if (remoteAddress === undefined) return 'a peer that has left'
  return remoteFamily === 'IPv6' ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`
}
