// Promises of a host's clock: it has the controller's time, and what the wall clock does in between stamps nothing.
import { describe, expect, it } from 'vitest'
import { FollowedClock } from '../../../broker/clock/followed-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const YEAR = 365 * 24 * HOUR
const START = 1_700_000_000_000

function host(reading: { now: number; expiryNow: number; holds: [] } | null = null) {
  const at = { wall: START, elapsed: 777 }
  const clock = new FollowedClock({ now: () => at.wall, elapsed: () => at.elapsed }, reading)
  const pass = (ms: number): void => {
    at.wall += ms
    at.elapsed += ms
  }
  return { at, clock, pass }
}

describe('a host', () => {
  it('goes with the wall clock, and with the time that passes alone where that jumps, ahead or back', () => {
    const { at, clock, pass } = host()
    for (const jump of [10 * YEAR, -10 * YEAR, 2 * MINUTE, -2 * MINUTE]) {
      at.wall += jump
      pass(HOUR)
      expect(clock.now()).toBe(at.wall - jump)
      at.wall -= jump
      expect(clock.now()).toBe(at.wall)
    }
  })

  it('believes what the controller says of stamps, and is exact where the wall clock agrees', () => {
    const { at, clock, pass } = host()
    at.wall += YEAR
    clock.follow({ now: at.wall - 40, holds: [] })
    expect(clock.now()).toBe(at.wall)
    pass(HOUR)
    expect(clock.now()).toBe(at.wall)
    clock.follow({ now: at.wall - YEAR, holds: [] })
    expect(clock.now()).toBe(at.wall - YEAR)
  })

  it('doubts for an hour by itself what would let something expire', () => {
    const { at, clock, pass } = host()
    at.wall += YEAR
    clock.follow({ now: at.wall, holds: [] })
    expect(clock.expiryNow()).toBe(at.wall - YEAR)
    pass(HOUR)
    expect(clock.expiryNow()).toBe(at.wall)
  })

  it('starts with the time of the controller, whatever the wall clock says', () => {
    const { clock, pass } = host({ now: START - YEAR, expiryNow: START - YEAR - HOUR, holds: [] })
    pass(MINUTE)
    expect(clock.now()).toBe(START - YEAR + MINUTE)
    expect(clock.cutoffOf(HOUR)).toBe(START - YEAR + MINUTE - 2 * HOUR)
  })

  it('lets nothing expire by a wall clock that is behind', () => {
    const { at, clock } = host()
    at.wall -= YEAR
    expect([clock.now(), clock.expiryNow()]).toEqual([START, START - YEAR])
  })

  it('keeps what is held', () => {
    const { at, clock } = host()
    clock.follow({
      now: at.wall,
      holds: [{ from: START - 5 * HOUR, until: START - MINUTE }],
    })
    expect(clock.cutoffOf(HOUR)).toBe(START - 5 * HOUR)
    expect(clock.cutoffOf(8 * HOUR)).toBe(START - 8 * HOUR)
    expect(clock.cutoffOf(30_000)).toBe(START - 30_000)
  })
})
