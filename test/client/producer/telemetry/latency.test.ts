// The summary of latencies: exact in count, mean and maximum, and percentiles that are never too low nor much too high.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Latency } from '../../../../client/producer/telemetry/latency.ts'

describe('a summary of latencies', () => {
  it('is all zeroes before the first one', () => {
    expect(new Latency().summary()).toEqual({ count: 0, mean: 0, p50: 0, p99: 0, max: 0 })
  })

  it('has percentiles at most a fifth above the true ones, for any durations up to an hour', () => {
    const durations = fc.array(fc.double({ min: 0, max: 3_600_000, noNaN: true }), {
      minLength: 1,
      maxLength: 200,
    })
    fc.assert(
      fc.property(durations, (all) => {
        const latency = new Latency()
        for (const ms of all) latency.add(ms)
        const { count, mean, p50, p99, max } = latency.summary()
        const sorted = all.toSorted((a, b) => a - b)
        const trueAt = (part: number) => sorted[Math.ceil(sorted.length * part) - 1]!
        expect(count).toBe(all.length)
        expect(max).toBe(sorted.at(-1))
        expect(mean).toBeCloseTo(all.reduce((sum, ms) => sum + ms, 0) / all.length, 3)
        for (const [found, part] of [
          [p50, 0.5],
          [p99, 0.99],
        ] as const) {
          // A rounding of the logarithm may put a duration on the border into the span beside it.
          expect(found).toBeGreaterThanOrEqual(trueAt(part) * 0.999)
          expect(found).toBeLessThanOrEqual(Math.max(1 / 16, trueAt(part) * 1.2))
        }
      }),
    )
  })
})
