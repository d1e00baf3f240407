// Turns of calls: first come, first served, bounded, and left by who does not want them any more.
import { expect, test } from 'vitest'
import { NoRoom, Slots } from '../../src/runtime/slots.ts'

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

test('gives as many turns as there are slots, and the next ones in the order of asking', async () => {
  const slots = new Slots(2, 10)
  const order: number[] = []
  for (const n of [1, 2, 3, 4]) void slots.take().then(() => order.push(n))
  await settled()
  expect([order, slots.taken, slots.waiting]).toEqual([[1, 2], 2, 2])
  slots.free()
  await settled()
  expect(order).toEqual([1, 2, 3])
  slots.free()
  await settled()
  expect(order).toEqual([1, 2, 3, 4])
})

test('refuses who would wait as one too many', async () => {
  const slots = new Slots(1, 1)
  await slots.take()
  const second = slots.take()
  await expect(slots.take()).rejects.toBeInstanceOf(NoRoom)
  slots.free()
  await second
})

test('who leaves the line by his signal gets no turn, and takes none from others', async () => {
  const slots = new Slots(1, 5)
  await slots.take()
  const leaving = new AbortController()
  const left = slots.take(leaving.signal)
  const stays = slots.take()
  leaving.abort(new Error('enough'))
  await expect(left).rejects.toThrow('enough')
  expect(slots.waiting).toBe(1)
  slots.free()
  await stays
  await expect(slots.take(AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
})

test('is empty when the last turn is given back, and not before', async () => {
  const slots = new Slots(1, 5)
  await slots.empty()
  await slots.take()
  let isEmpty = false
  void slots.empty().then(() => (isEmpty = true))
  const second = slots.take()
  slots.free()
  await second
  await settled()
  expect(isEmpty).toBe(false)
  slots.free()
  await settled()
  expect(isEmpty).toBe(true)
})
