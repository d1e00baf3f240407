// The bytes that reads hold together: bounded, shared, and given back.
import { expect, test } from 'vitest'
import { ReadRoom } from '../../src/records/get/read-room.ts'

const lasting = () => new AbortController().signal
const limits = { bytesMax: 1000, readBytesMax: 400, readBytesMin: 100, parts: 2, waitMs: 60_000 }

/** Lets what is ready run. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('ReadRoom: gives a lone reader much and many readers less', async () => {
  const room = new ReadRoom(limits)
  const shares = [await room.take(lasting()), await room.take(lasting()), await room.take(lasting())]
  expect(shares.map(({ bytes }) => bytes)).toEqual([400, 300, 150])
  for (const share of shares) share.end()
  expect(room.free).toBe(1000)
})

test('ReadRoom: lets readers wait where nothing is free, and begin in their order', async () => {
  const room = new ReadRoom(limits)
  const first = await room.take(lasting())
  first.keep(900)
  const begun: number[] = []
  const waiting = [1, 2, 3].map(async (at) => {
    const share = await room.take(lasting())
    begun.push(at)
    return share
  })
  await turn()
  expect(begun).toEqual([])
  first.keep(790)
  await turn()
  expect(begun).toEqual([1])
  first.end()
  const shares = await Promise.all(waiting)
  expect(begun).toEqual([1, 2, 3])
  for (const share of shares) share.end()
  expect(room.free).toBe(1000)
})

test('ReadRoom: counts what an answer holds, and once', async () => {
  const room = new ReadRoom(limits)
  const share = await room.take(lasting())
  share.keep(1500)
  expect(room.free).toBe(-500)
  share.keep(10)
  expect(room.free).toBe(990)
  share.end()
  share.end()
  expect(room.free).toBe(1000)
})

test('ReadRoom: who leaves does not stand before the others', async () => {
  const room = new ReadRoom(limits)
  const first = await room.take(lasting())
  first.keep(1000)
  const leaving = new AbortController()
  const left = room.take(leaving.signal)
  const waiting = room.take(lasting())
  leaving.abort(new Error('gone'))
  await expect(left).rejects.toThrow('gone')
  first.end()
  expect((await waiting).bytes).toBe(400)
})

test('ReadRoom: refuses who has waited too long, to come again', async () => {
  const room = new ReadRoom({ ...limits, waitMs: 1 })
  const first = await room.take(lasting())
  first.keep(1000)
  await expect(room.take(lasting())).rejects.toMatchObject({ code: 'ServiceUnavailableException' })
  first.end()
  expect((await room.take(lasting())).bytes).toBe(400)
})
