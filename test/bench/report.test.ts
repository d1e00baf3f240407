// Reports: the verdict follows from figure and bar alone, and what people read says the same as what machines read.
import { describe, expect, test } from 'vitest'
import { LatencyRecorder } from '../../bench/harness/latency.ts'
import {
  type Figure,
  formatBar,
  formatValue,
  marginOf,
  ratioTo,
  type Report,
  verdictOf,
} from '../../bench/report/figure.ts'
import { plotLatencies } from '../../bench/report/plot.ts'
import { renderReport, renderVerdicts } from '../../bench/report/table.ts'

const fast: Figure = {
  name: 'append, 100 B',
  value: 600_000,
  unit: 'records/s',
  bar: { sense: 'atLeast', value: 500_000 },
  ratios: [ratioTo('raw lmdb-js', 600_000, 1_200_000)],
}
const slow: Figure = { name: 'memory', value: 150, unit: 'MB', bar: { sense: 'atMost', value: 100 } }
const plain: Figure = { name: 'fan-out', value: 3, unit: 'MB/s' }

function latencyCurve(name: string, factor: number) {
  const recorder = new LatencyRecorder()
  for (let index = 1; index <= 1000; index++) recorder.record(index * factor)
  return { name, summary: recorder.summary() }
}

function reportOf(figures: readonly Figure[], over: Partial<Report> = {}): Report {
  return { scenario: 'append', figures, latencies: [], settings: { shards: [4, 256] }, notes: [], ...over }
}

describe('verdictOf', () => {
  test('judges in the sense of the bar, the bar itself included', () => {
    expect(verdictOf(fast)).toBe('pass')
    expect(verdictOf({ ...fast, value: 500_000 })).toBe('pass')
    expect(verdictOf({ ...fast, value: 499_999 })).toBe('miss')
    expect(verdictOf(slow)).toBe('miss')
    expect(verdictOf({ ...slow, value: 100 })).toBe('pass')
    expect(verdictOf(plain)).toBeUndefined()
  })

  test('calls a figure that is not a number a miss', () => {
    expect(verdictOf({ ...fast, value: Number.NaN })).toBe('miss')
    expect(verdictOf({ ...slow, value: Number.NaN })).toBe('miss')
  })

  test('marginOf: is positive beyond the bar and negative short of it', () => {
    expect(marginOf(fast)).toBeCloseTo(0.2)
    expect(marginOf(slow)).toBeCloseTo(-0.5)
  })

  test('marginOf: is undefined for a bar of 0, of which nothing is a part', () => {
    const none: Figure = { name: 'lost', value: 2, unit: 'records', bar: { sense: 'atMost', value: 0 } }
    expect(marginOf(none)).toBeUndefined()
    expect(renderReport(reportOf([none]))).toMatch(/MISS +│/)
  })
})

test('formatValue: reads as people write figures', () => {
  expect(formatValue(1_050_000.4, 'records/s')).toBe('1,050,000 records/s')
  expect(formatValue(0.4412, 'ms')).toBe('0.44 ms')
  expect(formatValue(12.34, 'MB')).toBe('12.3 MB')
  expect(formatValue(2.5, 'x')).toBe('2.5×')
  expect(formatValue(Number.NaN, 'ms')).toBe('no figure')
  expect(formatBar({ sense: 'atMost', value: 4, because: 'of fdatasync' }, 'x')).toBe('≤ 4× (of fdatasync)')
})

test('renderReport: shows figure, bar, ratio to the machine and verdict in one row', () => {
  const text = renderReport(reportOf([fast, slow, plain], { notes: ['one core each'] }))
  const row = text.split('\n').find((line) => line.includes('append, 100 B'))
  for (const part of ['600,000 records/s', '≥ 500,000 records/s', '50 % of raw lmdb-js', 'pass, by 20 %']) {
    expect(row).toContain(part)
  }
  expect(text).toContain('MISS, by 50 %')
  expect(text).toContain('shards=4,256')
  expect(text).toContain('one core each')
})

test('renderVerdicts: names every bar that was missed, and counts only figures that have one', () => {
  const text = renderVerdicts([reportOf([fast, slow, plain])])
  expect(text).toContain('1 of 2 bars met')
  expect(text).toContain('missed: append, memory: MISS, by 50 %')
})

describe('plotLatencies', () => {
  test('draws the slower curve above the faster one, with a legend and both scales', () => {
    const text = plotLatencies([latencyCurve('push', 0.1), latencyCurve('fdatasync', 0.001)])
    const lines = text.split('\n')
    const rowOf = (glyph: string) => lines.findIndex((line) => line.includes(glyph))
    expect(rowOf('●')).toBeLessThan(rowOf('○'))
    for (const part of ['p50', 'p99', 'ms', '● push', '○ fdatasync']) expect(text).toContain(part)
  })

  test('draws one flat curve without dividing by nothing', () => {
    const recorder = new LatencyRecorder()
    for (let index = 0; index < 100; index++) recorder.record(1)
    expect(plotLatencies([{ name: 'flat', summary: recorder.summary() }])).toContain('●')
  })

  test('is empty where nothing was measured', () => {
    expect(plotLatencies([])).toBe('')
    expect(plotLatencies([{ name: 'none', summary: new LatencyRecorder().summary() }])).toBe('')
  })
})
