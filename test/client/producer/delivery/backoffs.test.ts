// How long a lane waits after refusals, and that a wait which was ended goes no further.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Backoffs } from '../../../../client/producer/delivery/backoffs.ts'
import { Lane } from '../../../../client/producer/lanes/lane.ts'
import { producerLimits } from '../../../../client/producer/options.ts'
import { MillraceError } from '../../../../client/index.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const retry = { backoffMinMs: 100, backoffMaxMs: 1000, giveUpAfterMs: Infinity }
const newLane = () =>
  new Lane({ streamId: 1, shardIndex: 0 }, () => ({ producerId: 1, secret: new Uint8Array(16) }))
const throttled = new MillraceError('provisionedThroughputExceeded', 'too fast', { retryAfterMs: 7 })

describe('backoffs of lanes', () => {
  it('grow with each refusal in a row up to the bound', () => {
    const backoffs = new Backoffs({ retry, random: () => 0 })
    const lane = newLane()
    const refusal = new MillraceError('overloaded', 'full')
    const delays = [1, 2, 3, 4, 5, 6].map(() => backoffs.delayOf(lane, refusal))
    expect(delays).toEqual([50, 100, 200, 400, 500, 500])
  })

  it("keep to a throttled shard's word, until it was wrong many times in a row", () => {
    const backoffs = new Backoffs({ retry, random: () => 0 })
    const lane = newLane()
    const delays = Array.from({ length: producerLimits.throttledSoon + 2 }, () =>
      backoffs.delayOf(lane, throttled),
    )
    expect(new Set(delays.slice(0, producerLimits.throttledSoon))).toEqual(new Set([7]))
    expect(delays.slice(producerLimits.throttledSoon)).toEqual([50, 100])
  })

  it('go on once when the time is over, and never once ended', () => {
    const backoffs = new Backoffs({ retry, random: () => 0 })
    const [waits, ends] = [newLane(), newLane()]
    const goneOn: Lane[] = []
    for (const lane of [waits, ends]) backoffs.wait(lane, 10, () => goneOn.push(lane))
    backoffs.end(ends)
    expect([backoffs.has(waits), backoffs.has(ends)]).toEqual([true, false])
    vi.advanceTimersByTime(10)
    expect(goneOn).toEqual([waits])
    expect(backoffs.has(waits)).toBe(false)
  })
})
