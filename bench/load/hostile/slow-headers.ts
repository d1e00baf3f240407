// Load: connections to the admin port that send the header of a request one byte at a time. Runs in a load process. One that is
// cut is dialled again at once, so that their number stays the same.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { LoadControl } from '../job.ts'

export interface SlowHeadersSettings {
  readonly host: string
  readonly port: number
  readonly connections: number
  /** Interval of the bytes of each connection. */
  readonly byteEveryMs: number
}

export interface SlowHeadersResult {
  /** Connections that were dialled, those that took the place of others included. */
  readonly dialled: number
}

/** A header that never ends. */
const BEGINNING = 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: '

/** Reports when each connection was made or refused once; ends them when it is stopped. */
export async function runSlowHeaders(
  settings: SlowHeadersSettings,
  control: LoadControl,
): Promise<SlowHeadersResult> {
  const sockets = new Set<Socket>()
  let dialled = 0
  const dial = () => {
    if (control.stopped.aborted) return
    const socket = connect(settings.port, settings.host)
    dialled++
    let sent = 0
    const timer = setInterval(() => {
      if (!socket.connecting) socket.write(BEGINNING[sent++] ?? 'x')
    }, settings.byteEveryMs)
    sockets.add(socket)
    socket.on('error', () => {}) // 'close' follows
    socket.resume()
    socket.once('close', () => {
      clearInterval(timer)
      sockets.delete(socket)
      setImmediate(dial)
    })
  }
  for (let i = 0; i < settings.connections; i++) dial()
  const attempts = [...sockets]
  await Promise.all(attempts.map((socket) => madeOrClosed(socket)))
  control.ready()
  if (!control.stopped.aborted) await once(control.stopped, 'abort')
  for (const socket of sockets) socket.destroy()
  return { dialled }
}

function madeOrClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('connect', resolve).once('close', () => resolve()))
}
