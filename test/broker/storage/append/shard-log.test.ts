// One shard in the owner's memory: numbers, times, and when its time index is due.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ShardLog } from '../../../../broker/storage/append/shard-log.ts'

const MiB = 1024 * 1024

describe('ShardLog', () => {
  test("raises numbers by each batch's records, and never lowers arrival times", () => {
    const batches = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(100)))
    fc.assert(
      fc.property(fc.nat(1000), batches, (start, staged) => {
        const log = new ShardLog(1, start)
        let tail = start
        let last = 0
        for (const [count, now] of staged) {
          log.stage(count, 10, now)
          expect(log.tail).toBe((tail += count))
          expect(log.lastArrival).toBe((last = Math.max(last, now)))
        }
        expect(log.trimHorizon).toBe(start)
        expect(log.head()).toMatchObject({
          first: start,
          next: tail,
          batches: staged.length,
          bytes: staged.length * 10,
        })
      }),
    )
  })

  test('continues after a roll where it was, and is restored from its head unchanged', () => {
    const log = new ShardLog(1, 10)
    log.stage(5, 100, 1000)
    log.roll()
    const expected = {
      first: 15,
      next: 15,
      firstArrival: 1000,
      lastArrival: 1000,
      bytes: 0,
      batches: 0,
      trimHorizon: 10,
      closed: 0,
      forgotten: 0,
    }
    expect(log.head()).toEqual(expected)
    expect(ShardLog.fromHead(1, log.head()).head()).toEqual(expected)
  })

  test("takes the catalog's starting number while it is empty, and not later", () => {
    const log = new ShardLog(1, 0)
    log.startAt(100)
    expect(log.tail).toBe(100)
    log.stage(1, 10, 0)
    log.startAt(500)
    expect(log.tail).toBe(101)
  })

  test('indexes the first batch of a segment, then one per second or MiB, at most one per millisecond', () => {
    const log = new ShardLog(1, 0)
    const due = (now: number, bytes = 10) => log.stage(1, bytes, now)
    expect(due(1000)).toBe(true)
    expect(due(1999)).toBe(false)
    expect(due(2000)).toBe(true)
    expect(due(2001, MiB)).toBe(false)
    expect(due(2001)).toBe(true)
    expect(due(2001, MiB)).toBe(false)
    expect(due(2001, MiB)).toBe(false)
    expect(due(2002)).toBe(true)
    log.roll()
    expect(due(2002)).toBe(true)
  })
})
