// The room of waiting records: the largest heap of all is written where it is used up, and who waits is woken when there is room.
import { expect, it } from 'vitest'
import { SpoolRoom, type RoomHolder } from '../../src/spool/spool-room.ts'

class Holder implements RoomHolder {
  written = 0
  spilled = 0
  readonly memoryBytes: number
  readonly #largest: number

  constructor(largest: number, memoryBytes = 0) {
    this.#largest = largest
    this.memoryBytes = memoryBytes
  }

  largest(): number {
    return this.#largest
  }

  writeLargest(): void {
    this.written++
  }

  spill(): Promise<void> {
    this.spilled++
    return Promise.resolve()
  }
}

it('a room that is used up: has the largest heap of all deliveries written, and wakes who waits when bytes are given back', () => {
  const room = new SpoolRoom({ bytesMax: 100, memoryBytesMax: 100 })
  const [small, large] = [new Holder(10), new Holder(90)]
  room.enter(small)
  room.enter(large)
  room.take(100)
  expect(room.isFull).toBe(false)
  room.take(1)
  expect(room.isFull).toBe(true)
  let woken = 0
  room.relieve(() => woken++)
  expect([small.written, large.written]).toEqual([0, 1])
  room.give(0)
  expect(woken).toBe(0)
  room.give(50)
  expect([woken, room.used]).toEqual([1, 51])
  room.leave(large)
  room.take(60)
  room.relieve(() => {})
  expect([small.written, large.written]).toEqual([1, 1])
})

it('memory that is used up: moves the heaps of who has most of it to files', async () => {
  const room = new SpoolRoom({ bytesMax: 1000, memoryBytesMax: 100 })
  const [little, much] = [new Holder(0, 40), new Holder(0, 60)]
  room.enter(little)
  room.enter(much)
  await room.spill()
  expect([little.spilled, much.spilled]).toEqual([0, 0])
  room.enter(new Holder(0, 1))
  await room.spill()
  expect([little.spilled, much.spilled]).toEqual([0, 1])
})

it('a disk that does not take what memory cannot hold: says so, and has the largest heap written early', async () => {
  class Full extends Holder {
    override spill(): Promise<void> {
      return Promise.reject(new Error('no space'))
    }
  }
  const room = new SpoolRoom({ bytesMax: 1000, memoryBytesMax: 100 })
  const full = new Full(90, 101)
  room.enter(full)
  await expect(room.spill()).rejects.toThrow('no space')
  expect(full.written).toBe(1)
})
