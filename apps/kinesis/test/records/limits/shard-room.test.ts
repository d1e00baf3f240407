// What one shard takes and gives, with a clock that the test moves.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ShardRoom } from '../../../src/records/limits/shard-room.ts'

const MiB = 1024 * 1024
const kinesis = {
  writeBytesPerSecond: MiB,
  writeRecordsPerSecond: 1000,
  readBytesPerSecond: 2 * MiB,
  readsPerSecond: 5,
}
const none = { writeBytesPerSecond: 0, writeRecordsPerSecond: 0, readBytesPerSecond: 0, readsPerSecond: 0 }

const countOf = (most: number, take: () => boolean): number => {
  let count = 0
  while (count < most && take()) count++
  return count
}

describe('writes to a shard', () => {
  it('are 1,000 records at once, and one for each millisecond after that', () => {
    const room = new ShardRoom(kinesis, 0)
    expect(countOf(2000, () => room.takeRecord(10, 0))).toBe(1000)
    expect(countOf(2000, () => room.takeRecord(10, 7))).toBe(7)
  })

  it('are a mebibyte at once, to the byte; a record that does not fit leaves the room to a smaller one', () => {
    const room = new ShardRoom(kinesis, 0)
    expect(room.takeRecord(MiB - 100, 0)).toBe(true)
    expect(room.takeRecord(101, 0)).toBe(false)
    expect(room.takeRecord(100, 0)).toBe(true)
    expect(room.takeRecord(1, 0)).toBe(false)
  })

  it('of ten mebibytes pass in a shard that has rested for a second, which then rests for ten', () => {
    const room = new ShardRoom(kinesis, 0)
    expect(room.takeRecord(10 * MiB, 0)).toBe(true)
    expect(room.takeRecord(1, 9000)).toBe(false)
    expect(room.takeRecord(10 * MiB, 9500)).toBe(false)
    expect(room.takeRecord(10 * MiB, 10_000)).toBe(true)
  })

  it('never exceed either limit over any time, and refused ones count for nothing', () => {
    const steps = fc.array(
      fc.record({ bytes: fc.integer({ min: 0, max: 200_000 }), after: fc.integer({ min: 0, max: 200 }) }),
      { maxLength: 100 },
    )
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 20 }), (asked, records) => {
        const limits = { ...none, writeBytesPerSecond: 200_000, writeRecordsPerSecond: records }
        const room = new ShardRoom(limits, 0)
        let now = 0
        let bytes = 0
        let count = 0
        for (const step of asked) {
          now += step.after
          if (!room.takeRecord(step.bytes, now)) continue
          bytes += step.bytes
          count++
        }
        expect(bytes).toBeLessThanOrEqual(200_000 + (now * 200_000) / 1000)
        expect(count).toBeLessThanOrEqual(records + (now * records) / 1000)
      }),
    )
  })
})

describe('reads of a shard', () => {
  it('are five a second, and iterators five more', () => {
    const room = new ShardRoom(kinesis, 0)
    expect(countOf(10, () => room.takeRead(0))).toBe(5)
    expect(countOf(10, () => room.takeIterator(0))).toBe(5)
    expect(room.takeRead(199)).toBe(false)
    expect(room.takeRead(200)).toBe(true)
  })

  it('wait for five seconds after ten mebibytes, and for none after small answers', () => {
    const room = new ShardRoom(kinesis, 0)
    expect(room.takeRead(0)).toBe(true)
    room.returned(1000, 0)
    expect(room.takeRead(0)).toBe(true)
    room.returned(10 * MiB, 0)
    expect(room.takeRead(5000)).toBe(false)
    expect(room.takeRead(5001)).toBe(true)
  })
})

describe('limits that change', () => {
  it('hold from then on, and those that are taken away hold nothing up', () => {
    const room = new ShardRoom(kinesis, 0)
    room.set({ ...kinesis, writeRecordsPerSecond: 2 }, 0)
    expect(countOf(10, () => room.takeRecord(1, 0))).toBe(2)
    room.set(none, 0)
    expect(countOf(5000, () => room.takeRecord(MiB, 0))).toBe(5000)
    expect(countOf(100, () => room.takeRead(0))).toBe(100)
  })
})
