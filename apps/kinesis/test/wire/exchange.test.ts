// An answer without end: what it gives is not kept, and it ends with its client.
import { EventEmitter } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { ByteBudget } from '../../src/wire/byte-budget.ts'
import { Exchange, type Incoming, type Outgoing } from '../../src/wire/exchange.ts'
import { wireLimits } from '../../src/wire/limits.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** A client of HTTP/1.1 that takes everything at once and keeps nothing. */
function exchanging() {
  const request = Object.assign(new EventEmitter(), { rawHeaders: [], url: '/', method: 'POST', socket: {} })
  const response = Object.assign(new EventEmitter(), {
    writeHead: () => {},
    write: () => true,
    end: () => response.emit('finish'),
    destroy: () => {},
  })
  const options = { limits: wireLimits, budget: new ByteBudget(wireLimits.bytesInFlightMax) }
  const exchange = new Exchange(request as unknown as Incoming, response as unknown as Outgoing, options)
  return { exchange, response }
}

test('an answer without end keeps no piece that was written, and is left when its client is', async () => {
  const { exchange, response } = exchanging()
  const pieces: WeakRef<Uint8Array>[] = []
  let isReturned = false
  async function* endless(): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        // A turn of the event loop, after which a reference that was looked at may be collected.
        await new Promise((resolve) => setImmediate(resolve))
        if (pieces.length === 100) response.emit('full')
        const piece = new Uint8Array(1000)
        pieces.push(new WeakRef(piece))
        yield piece
      }
    } finally {
      isReturned = true
    }
  }
  const isFull = new Promise((resolve) => response.once('full', resolve))
  const streaming = exchange.stream(200, {}, endless())
  await isFull
  collectGarbage()
  const kept = pieces.slice(0, 50).filter((piece) => piece.deref() !== undefined)
  expect(kept).toEqual([])
  response.emit('close')
  await streaming
  await expect.poll(() => isReturned).toBe(true)
})
