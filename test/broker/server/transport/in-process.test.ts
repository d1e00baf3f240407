// The in-process stream behaves like a socket: copies, back-pressure, and ends that both sides see.
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { inProcessPair } from '../../../../broker/server/transport/in-process.ts'
import { settled } from '../serving.ts'

it('inProcessPair: copies what is written, so that the writer may reuse its memory', async () => {
  const [near, far] = inProcessPair()
  const memory = Buffer.from('hello')
  near.end(memory)
  memory.fill(0)
  await settled()
  memory.fill(1)
  expect(await text(far)).toBe('hello')
})

it('inProcessPair: holds the writer back while the other side does not read', async () => {
  const [near, far] = inProcessPair()
  const chunk = Buffer.alloc(16 * 1024)
  for (let i = 0; i < 64; i++) near.write(chunk)
  await settled()
  expect(near.writableLength).toBeGreaterThan(32 * chunk.length)
  expect(far.readableLength).toBeLessThan(32 * chunk.length)
  far.resume()
  await settled()
  expect(near.writableLength).toBe(0)
  near.destroy()
})

it('inProcessPair: delivers everything before the end, to both sides', async () => {
  const [near, far] = inProcessPair()
  far.write('answer')
  near.end('question')
  expect([await text(far), await text(near)]).toEqual(['question', 'answer'])
})

it('inProcessPair: closes both sides once the end is read', async () => {
  const [near, far] = inProcessPair()
  near.resume()
  far.resume()
  const closed = Promise.all([once(near, 'close'), once(far, 'close')])
  near.end()
  await closed
  expect([near.destroyed, far.destroyed]).toEqual([true, true])
})

it('inProcessPair: destroys the other side when one side is destroyed', async () => {
  const [near, far] = inProcessPair()
  for (let i = 0; i < 64; i++) near.write(Buffer.alloc(16 * 1024))
  const closed = once(far, 'close')
  near.destroy()
  await closed
  expect(far.destroyed).toBe(true)
})
