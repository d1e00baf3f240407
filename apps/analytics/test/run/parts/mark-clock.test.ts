// How far a part goes by the marks of units, of which some have nothing to forward.
import { expect, it } from 'vitest'
import { MarkClock } from '../../../src/run/parts/mark-clock.ts'

const input = { stream: 'clicks', time: 'ts' }
const KEY = 'clicks ts'

/** A clock that has read all that was added, at a time of its own. */
function clockOf(units: number) {
  let now = 0
  const shards = { 'shard-0': 1 }
  const clock = new MarkClock({
    tables: { timed: [{ input }], count: 1, boundaries: undefined } as never,
    stream: 'parts',
    units,
    nameOf: String,
    known: {},
    position: () => ({ streamId: 1, shardsBelow: 1, shards }),
    monotonic: () => now,
  })
  return {
    tell: (unit: number, watermark: number | null, isIdle = false) =>
      clock.add({ unit, shardId: 'shard-0', inputs: { [KEY]: { watermark, isIdle } } }),
    reached: () => {
      clock.seal()
      clock.reached({ parts: { streamId: 1, shardsBelow: 1, shards } })
      return clock.next(null)
    },
    pass: (ms: number) => void (now += ms),
  }
}

it('goes without a unit to which nothing comes as far as that has told, and no further', () => {
  const { tell, reached } = clockOf(2)
  tell(0, 100)
  tell(1, null, true)
  expect(reached()).toBe(100)
  // What came to the second one meanwhile is not here yet.
  tell(0, 900)
  expect(reached()).toBe(100)
  tell(1, null, true)
  expect(reached()).toBe(900)
})

it('waits for what came to a unit that had had nothing', () => {
  const { tell, reached } = clockOf(2)
  tell(0, 100)
  tell(1, null, true)
  tell(0, 900)
  expect(reached()).toBe(100)
  tell(1, 300)
  expect(reached()).toBe(300)
})

it('goes to the furthest where nothing comes to anybody, once all have told so', () => {
  const { tell, reached } = clockOf(2)
  tell(0, 100, true)
  tell(1, 200)
  tell(1, 200, true)
  tell(0, 100, true)
  expect(reached()).toBe(200)
})

it('stands still where a unit to which nothing came is not heard of any more', () => {
  const { tell, reached, pass } = clockOf(2)
  tell(0, 100)
  tell(1, 50, true)
  expect(reached()).toBe(100)
  for (let second = 1; second < 60; second++) {
    pass(1000)
    tell(0, 100 + second)
    expect(reached()).toBeLessThanOrEqual(100)
  }
})
