// The listening TCP socket. Runs on the main thread of controller and host. It hands over sockets and keeps none.
import { createServer, type AddressInfo, type Socket } from 'node:net'

/** A dead peer is noticed by the kernel after a few of these. */
const KEEP_ALIVE_MS = 30_000

export interface Listener {
  readonly port: number
  /** Accepts no more; sockets handed over live on. */
  close(): void
}

export interface ListenerOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly onSocket: (socket: Socket, remote: string) => void
  /** An accept failed, for want of file descriptors for example; listening goes on. */
  readonly onError: (error: Error) => void
}

/** Rejects with the system's error where it cannot listen. */
export function openListener({ host, port, onSocket, onError }: ListenerOptions): Promise<Listener> {
  const server = createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
    (socket) => onSocket(socket, peerOf(socket)),
  )
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
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
