// How long a record that found the buffer full is told to wait.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drainMs, DrainRate, retryAfterBounds } from '../../../../client/producer/buffer/drain-rate.ts'

const { msMin, msMax } = retryAfterBounds

describe('drainMs', () => {
  it('is the time that the excess takes at the observed rate', () => {
    expect(drainMs(1000, 500, 100)).toBe(200)
    expect(drainMs(1000, 3000, 100)).toBe(34)
  })

  it('grows with the silence where nothing left, up to the bound', () => {
    expect([0, 50, 700, 1e9].map((elapsed) => drainMs(1000, 0, elapsed))).toEqual([msMin, 50, 700, msMax])
  })

  it('is a whole number within the bounds, whatever was observed', () => {
    const amount = fc.nat({ max: Number.MAX_SAFE_INTEGER })
    fc.assert(
      fc.property(
        amount,
        amount,
        fc.double({ min: 0, max: 1e12, noNaN: true }),
        (excess, drained, elapsed) => {
          const ms = drainMs(excess, drained, elapsed)
          expect(Number.isInteger(ms) && ms >= msMin && ms <= msMax).toBe(true)
        },
      ),
    )
  })

  it('is no shorter for more excess, and no longer for a faster drain', () => {
    const amount = fc.integer({ min: 1, max: 1e9 })
    fc.assert(
      fc.property(amount, amount, amount, amount, (excess, more, drained, elapsed) => {
        expect(drainMs(excess + more, drained, elapsed)).toBeGreaterThanOrEqual(
          drainMs(excess, drained, elapsed),
        )
        expect(drainMs(excess, drained + more, elapsed)).toBeLessThanOrEqual(
          drainMs(excess, drained, elapsed),
        )
      }),
    )
  })
})

describe('DrainRate', () => {
  it('goes by the last one to two seconds, not by what was long ago', () => {
    const rate = new DrainRate()
    rate.begin(0, 0)
    // 1000 bytes a second for ten seconds, and then 100.
    for (let at = 100; at <= 10_000; at += 100) rate.sample(at, at)
    expect(rate.msFor(500, 10_000, 10_000)).toBe(500)
    for (let at = 10_100; at <= 13_000; at += 100) rate.sample(at, 10_000 + (at - 10_000) / 10)
    expect(rate.msFor(500, 13_000, 10_300)).toBe(5000)
  })

  it('begins anew when the buffer was empty: hours without a record are no slow drain', () => {
    const rate = new DrainRate()
    rate.begin(0, 0)
    rate.sample(2000, 100)
    rate.begin(3_600_000, 100)
    expect(rate.msFor(500, 3_600_100, 1100)).toBe(50)
  })
})
