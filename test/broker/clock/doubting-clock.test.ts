// Promises of the clock of retention: a wall clock that jumps ahead expires nothing for an hour, one that goes back never does.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DoubtingClock } from '../../../broker/clock/doubting-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const START = 1_700_000_000_000

/** A clock on a wall, and one that only counts. */
function clocks() {
  const at = { wall: START, elapsed: 500 }
  const told: string[] = []
  const clock = new DoubtingClock({
    aheadDoubtMs: HOUR,
    backDoubtMs: 0,
    now: () => at.wall,
    elapsed: () => at.elapsed,
    onDoubt: (jump) => told.push(`doubts ${jump.clock - jump.expected}`),
    onBelieved: (jump) => told.push(`believes ${jump.clock - jump.expected}`),
  })
  const pass = (ms: number): void => {
    at.wall += ms
    at.elapsed += ms
  }
  return { at, told, pass, now: () => clock.now() - START }
}

describe('the clock of retention', () => {
  it('goes with the wall clock, also where that is slewed', () => {
    const { at, pass, now, told } = clocks()
    for (let i = 1; i <= 100; i++) {
      pass(MINUTE)
      at.wall += 50
      expect(now()).toBe(i * (MINUTE + 50))
    }
    expect(told).toEqual([])
  })

  it('does not believe a jump ahead of more than a minute before an hour has passed, and says both', () => {
    const { at, pass, now, told } = clocks()
    at.wall += 10 * HOUR
    expect(now()).toBe(0)
    pass(HOUR - 1)
    expect(now()).toBe(HOUR - 1)
    expect(told).toEqual([`doubts ${10 * HOUR}`])
    pass(1)
    expect(now()).toBe(11 * HOUR)
    expect(told).toEqual([`doubts ${10 * HOUR}`, `believes ${10 * HOUR}`])
    pass(MINUTE)
    expect(now()).toBe(11 * HOUR + MINUTE)
  })

  it('believes a jump of up to a minute', () => {
    const { at, now } = clocks()
    at.wall += MINUTE
    expect(now()).toBe(MINUTE)
  })

  it('goes on as before when the clock is set right within the hour', () => {
    const { at, pass, now, told } = clocks()
    at.wall += 24 * HOUR
    expect(now()).toBe(0)
    pass(MINUTE)
    at.wall -= 24 * HOUR
    expect(now()).toBe(MINUTE)
    pass(2 * HOUR)
    expect(now()).toBe(2 * HOUR + MINUTE)
    expect(told).toHaveLength(1)
  })

  it('counts the hour anew where the clock jumps again', () => {
    const { at, pass, now } = clocks()
    at.wall += 2 * HOUR
    now()
    pass(HOUR - 1)
    at.wall += 2 * HOUR
    expect(now()).toBe(HOUR - 1)
    pass(HOUR - 1)
    expect(now()).toBe(2 * HOUR - 2)
    pass(1)
    expect(now()).toBe(6 * HOUR - 1)
  })

  it('believes a clock that goes back at once, and doubts its way ahead again', () => {
    const { at, now } = clocks()
    at.wall -= 5 * HOUR
    expect(now()).toBe(-5 * HOUR)
    at.wall += 5 * HOUR
    expect(now()).toBe(-5 * HOUR)
  })

  it('is never ahead of the wall clock, and gains on what really passed only by a claim that stood for an hour', () => {
    const step = fc.record({
      pass: fc.nat(2 * HOUR),
      jump: fc.oneof(
        fc.constant(0),
        fc.integer({ min: -30 * HOUR, max: 30 * HOUR }).filter((ms) => Math.abs(ms) > MINUTE),
      ),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { at, pass, now } = clocks()
        let believed = now()
        let sinceJump = 0
        for (const { pass: ms, jump } of steps) {
          pass(ms)
          at.wall += jump
          const before = believed
          believed = now()
          sinceJump = jump === 0 ? sinceJump + ms : 0
          expect(believed).toBeLessThanOrEqual(at.wall - START)
          // Nothing but time makes it gain, while the clock has not kept to its claim for an hour.
          if (sinceJump < HOUR) expect(believed - before).toBeLessThanOrEqual(ms + MINUTE)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
