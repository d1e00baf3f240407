// Latency histograms: what is recorded is what is reported, across processes too.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LatencyRecorder, mergeLatencies } from '../../bench/harness/latency.ts'

const RELATIVE_ERROR = 0.002

function recorded(values: readonly number[]): LatencyRecorder {
  const recorder = new LatencyRecorder()
  for (const ms of values) recorder.record(ms)
  return recorder
}

test('LatencyRecorder: reports the percentiles of what was recorded, to three digits', () => {
  const summary = recorded(Array.from({ length: 1000 }, (_, index) => index + 1)).summary()
  expect(summary.count).toBe(1000)
  for (const [ms, expected] of [
    [summary.p50Ms, 500],
    [summary.p90Ms, 900],
    [summary.p99Ms, 990],
    [summary.maxMs, 1000],
  ] as const) {
    expect(Math.abs(ms - expected) / expected).toBeLessThan(RELATIVE_ERROR)
  }
})

test('LatencyRecorder: a stall of minutes counts as a minute and is not dropped', () => {
  const summary = recorded([1, 600_000]).summary()
  expect(summary.count).toBe(2)
  expect(summary.maxMs).toBeGreaterThan(59_000)
})

test('mergeLatencies: several recordings read as if one process had recorded everything', () => {
  const latency = fc.double({ min: 0.001, max: 1000, noNaN: true })
  const values = fc.array(latency, { minLength: 1 })
  fc.assert(
    fc.property(values, values, (a, b) => {
      const merged = mergeLatencies([recorded(a).toText(), recorded(b).toText()])
      expect(merged).toEqual(recorded([...a, ...b]).summary())
    }),
    { numRuns: 30 },
  )
})

test('mergeLatencies: its curve rises, and ends before single records would stand for percentiles', () => {
  const { curve } = recorded(Array.from({ length: 200 }, (_, index) => index + 1)).summary()
  expect(curve.length).toBeGreaterThan(10)
  expect(curve.at(-1)?.percentile).toBeLessThanOrEqual(99.5)
  for (const [index, point] of curve.entries()) {
    const before = curve[index - 1]
    if (before) expect(point.ms).toBeGreaterThanOrEqual(before.ms)
  }
})
