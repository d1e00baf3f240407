// Ports for brokers that restart on the same port. They are below the range that systems assign by themselves: while
// such a broker is down, no other test and no connecting client is assigned its port.
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Linux assigns ports from 32768 on, other systems from 49152 on. */
const FIRST = 15_000
const COUNT = 15_000

/** A port without a listener. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('listening', () => resolve(true)).once('error', () => resolve(false))
      server.listen(port, '127.0.0.1')
    })
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
