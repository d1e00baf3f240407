// A shard that a member cannot go on with is given back: not at once, and less often the longer nothing comes of it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GiveBacks } from '../../../../client/groups/processing/give-backs.ts'
import { LeasedShard } from '../../../../client/groups/processing/leased-shard.ts'
import { fakeTime, pass } from '../../support/drive.ts'
import { fill } from '../../support/fill.ts'
import { GroupTest } from '../support/members.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

function leaseAt(next: number | undefined, shardIndex = 0): LeasedShard {
  const from = { type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: undefined } as const
  const place = { streamId: 1, streamName: 's', shardIndex, epoch: 1, isRevoked: false }
  return new LeasedShard({ ...place, next, from })
}

describe('the time for which a shard is kept that cannot be processed', () => {
  it('doubles while nothing comes of it, up to a bound, and starts again after progress or another end', () => {
    const giveBacks = new GiveBacks(() => 1)
    const times = Array.from({ length: 9 }, () => giveBacks.keptMs(leaseAt(5)))
    expect(times).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000))
    expect(giveBacks.keptMs(leaseAt(5, 1))).toBe(1_000)
    expect(giveBacks.keptMs(leaseAt(6))).toBe(1_000)
    giveBacks.over(leaseAt(6))
    expect(giveBacks.keptMs(leaseAt(6))).toBe(1_000)
  })

  it('is as long where the shard has no checkpoint yet', () => {
    const giveBacks = new GiveBacks(() => 1)
    expect([1, 2].map(() => giveBacks.keptMs(leaseAt(undefined)))).toEqual([1_000, 2_000])
  })
})

describe('a member that cannot store the end of a shard', () => {
  it('says so, moves the shard a few times in minutes, and goes on once it can', async () => {
    const test = new GroupTest({ shards: 1 })
    try {
      fill(test.broker, 0, [4])
      const { events, handled } = await test.join()
      await test.until(() => test.position(0) === 4)
      test.groups.refusesEnds = true
      test.broker.split(0)
      await test.until(() => events.some(({ type }) => type === 'assigned'))
      await pass(120_000, 100)
      const moves = events.filter((event) => event.type === 'assigned' && event.shardId.endsWith('0'))
      expect(moves.length).toBeGreaterThan(2)
      expect(moves.length).toBeLessThan(12)
      expect(test.groups.reports.at(-1)).toMatchObject({
        state: 'retrying',
        detail: expect.stringContaining('a defect') as string,
      })
      test.groups.refusesEnds = false
      fill(test.broker, 1, [2])
      await test.until(() => handled.length >= 6)
    } finally {
      await test.end()
    }
  })
})
