// Measures how fast two processes of this machine pass bytes over TCP: one only writes, the other only counts. Runs in two
// load processes, like client and broker.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { LoadControl } from '../load/job.ts'

export interface LoopbackSourceSettings {
  readonly port: number
  readonly writeBytes: number
  readonly seconds: number
}

export interface LoopbackResult {
  readonly megabytesPerSecond: number
}

/** Reports its port when ready, takes one connection, and measures from the first byte to the last. */
export async function receiveLoopback(_settings: object, control: LoadControl): Promise<LoopbackResult> {
  const server = createServer({ noDelay: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  control.ready((server.address() as AddressInfo).port)
  const [socket] = (await once(server, 'connection')) as [Socket]
  let bytes = 0
  let startedAt = 0
  socket.on('data', (chunk: Buffer) => {
    startedAt ||= performance.now()
    bytes += chunk.length
  })
  await once(socket, 'end')
  const seconds = (performance.now() - startedAt) / 1000
  server.close()
  return { megabytesPerSecond: bytes / 1e6 / seconds }
}

export async function sendLoopback(settings: LoopbackSourceSettings): Promise<null> {
  const socket = connect({ port: settings.port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const bytes = Buffer.alloc(settings.writeBytes, 1)
  const endsAt = performance.now() + settings.seconds * 1000
  while (performance.now() < endsAt) {
    if (!socket.write(bytes)) await once(socket, 'drain')
  }
  socket.end()
  await once(socket, 'close')
  return null
}
