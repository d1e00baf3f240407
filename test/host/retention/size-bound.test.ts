// Promises of the bound in bytes: the oldest go, no more of them than needed, and the bound is reached.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evenRanges, hashKeyFromHex } from '../../../protocol/index.ts'
import { liveBytesOf } from '../../../broker/host/retention/retention-plan.ts'
import { coveredPart, planSizeTrims } from '../../../broker/host/retention/size-bound.ts'
import type { SegmentSpan } from '../../../broker/threads/maintenance-contract.ts'

/** Spans of a few shards over a few segments, in order, with arrival times that never fall within a shard. */
const spansOfShards = fc
  .array(
    fc.array(
      fc.record({
        count: fc.integer({ min: 1, max: 50 }),
        pause: fc.nat(5),
        bytes: fc.integer({ min: 50, max: 5000 }),
      }),
      {
        maxLength: 6,
      },
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((shards) =>
    shards.flatMap((spans, slot) => {
      let next = slot * 1000
      let arrival = 0
      return spans.map(({ count, pause, bytes }): SegmentSpan => {
        const [first, firstArrival] = [next, arrival]
        next += count
        arrival += pause
        return { slot, first, next, firstArrival, lastArrival: arrival, bytes }
      })
    }),
  )

const oldest = (spans: readonly SegmentSpan[]): Map<number, number> =>
  new Map(spans.toReversed().map(({ slot, first }) => [slot, first]))

describe('a bound in bytes', () => {
  it('is reached, unless everything is gone, and by no more than the rounding of one number', () => {
    fc.assert(
      fc.property(spansOfShards, fc.integer({ min: 1, max: 40_000 }), (spans, excessBytes) => {
        const horizons = oldest(spans)
        const trims = planSizeTrims({ excessBytes, spans, horizons })
        for (const { slot, trimHorizon } of trims) horizons.set(slot, trimHorizon)
        const total = spans.reduce((sum, { bytes }) => sum + bytes, 0)
        const left = spans.reduce((sum, span) => sum + liveBytesOf(span, horizons.get(span.slot)!), 0)
        const perNumber = Math.max(0, ...spans.map(({ bytes, first, next }) => bytes / (next - first)))
        expect(left).toBeLessThanOrEqual(Math.max(0, total - excessBytes) + 1)
        expect(left).toBeGreaterThanOrEqual(Math.max(0, total - excessBytes) - perNumber - 1)
      }),
      { numRuns: 5000 },
    )
  })

  it('takes the oldest first: nothing older than what went is left', () => {
    fc.assert(
      fc.property(spansOfShards, fc.integer({ min: 1, max: 40_000 }), (spans, excessBytes) => {
        const horizons = oldest(spans)
        const trims = planSizeTrims({ excessBytes, spans, horizons })
        for (const { slot, trimHorizon } of trims) horizons.set(slot, trimHorizon)
        const touched = spans.filter(({ slot, first }) => horizons.get(slot)! > first)
        const whole = spans.filter(({ slot, first }) => horizons.get(slot)! <= first)
        const newestTouched = Math.max(-1, ...touched.map(({ lastArrival }) => lastArrival))
        for (const { lastArrival } of whole) expect(lastArrival).toBeGreaterThanOrEqual(newestTouched)
        expect(trims.filter(({ isEstimate }) => isEstimate).length).toBeLessThanOrEqual(1)
      }),
      { numRuns: 2000 },
    )
  })

  it('goes on from the horizons that hold', () => {
    const span = { slot: 1, first: 0, next: 100, firstArrival: 0, lastArrival: 9, bytes: 1000 }
    const trims = planSizeTrims({ excessBytes: 250, spans: [span], horizons: new Map([[1, 50]]) })
    expect(trims).toEqual([{ slot: 1, trimHorizon: 75, isEstimate: true }])
  })
})

describe('the part of a stream that a host serves', () => {
  const rangesOf = (count: number) =>
    evenRanges(count).map(({ start, end }) => ({ rangeStart: start, rangeEnd: end }))

  it('is all of it for all shards, and counts what parents and children share once', () => {
    for (const count of [1, 2, 3, 7, 64]) expect(coveredPart(rangesOf(count))).toBe(1)
    expect(coveredPart([...rangesOf(1), ...rangesOf(2), ...rangesOf(64)])).toBe(1)
  })

  it('is what its shards cover', () => {
    expect(coveredPart(rangesOf(4).slice(1, 3))).toBeCloseTo(0.5, 9)
    expect(coveredPart([])).toBe(0)
    const key = hashKeyFromHex('8'.padEnd(32, '0'))
    expect(coveredPart([{ rangeStart: key, rangeEnd: key }])).toBeLessThan(1e-9)
  })
})
