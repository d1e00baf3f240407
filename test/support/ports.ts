// Ports for brokers that come back on the port they had. They lie below those that systems give to whoever asks for any:
// while such a broker is down, no other test, and no client that tries to reach it, is given its port.
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Linux gives out ports from 32768 on, others from 49152 on. */
const FIRST = 15_000
const COUNT = 15_000

/** A port that nobody listens on. */
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
