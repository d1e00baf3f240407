// When the records of an open loop are due: as many as the rate says, in order, also while it changes.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arrivalsWithin, evenArrivals, timeOfArrival } from '../../../../cli/load-test/pacing/arrivals.ts'

const rates = fc.integer({ min: 1, max: 1_000_000 })
const plans = fc.record({
  from: rates,
  to: rates,
  steadyMs: fc.integer({ min: 0, max: 60_000 }),
  rampMs: fc.integer({ min: 0, max: 600_000 }),
})

describe('arrivals', () => {
  it('at one rate are even', () => {
    const even = evenArrivals(500)
    expect([0, 1, 2, 1000].map((index) => timeOfArrival(index, even))).toEqual([0, 2, 4, 2000])
    expect(arrivalsWithin(10_000, even)).toBe(5000)
  })

  it('of a ramp are as many as the mean of its rates, and go on at its last one', () => {
    const ramp = { from: 100, to: 300, steadyMs: 1000, rampMs: 2000 }
    expect([0, 1000, 2000, 3000, 4000].map((ms) => arrivalsWithin(ms, ramp))).toEqual([0, 100, 250, 500, 800])
  })

  it('have times that are the inverse of their numbers, and rise', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 0, max: 900_000 }), (plan, ms) => {
        const index = Math.floor(arrivalsWithin(ms, plan))
        const at = timeOfArrival(index, plan)
        expect(at).toBeLessThanOrEqual(ms + 1e-3)
        expect(arrivalsWithin(at, plan)).toBeCloseTo(index, 3)
        expect(timeOfArrival(index + 1, plan)).toBeGreaterThan(at)
      }),
    )
  })
})
