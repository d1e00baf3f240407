// A load test in words and tables: what is said, and that a screen of 80 columns holds it.
import { describe, expect, it } from 'vitest'
import {
  brokenPromises,
  loadIntent,
  loadLine,
  loadProgress,
  loadReport,
  loadReportJson,
} from '../../../cli/load-test/load-report.ts'
import { judge, parseThreshold } from '../../../cli/load-test/thresholds.ts'
import { latencies, loadPlan, loadResult } from './support/loads.ts'

const moment = {
  recordsPerSecond: 50_123,
  ack: latencies,
  e2e: latencies,
  group: undefined,
  errors: 0,
  lag: 12,
}
const step = { ...moment, untilMs: 12_000, intendedPerSecond: 1_000_000 }

describe('the report of a load', () => {
  it('reads well, with numbers at the right', () => {
    const [plan, result] = [loadPlan(), loadResult()]
    const verdicts = ['ack.p99<20ms', 'errors=0'].map((text) => judge(parseThreshold(text), result, plan))
    expect(loadReport(plan, result, verdicts)).toBe(
      `
LATENCY        P50   P90   P99  P99.9    MAX
acknowledged  1 ms  2 ms  3 ms  40 ms  50 ms
end to end    1 ms  2 ms  3 ms  40 ms  50 ms
send delay    1 ms  2 ms  3 ms  40 ms  50 ms

THROUGHPUT    RECORDS  RECORDS/S          DATA
sent           29,850        995  1020.3 KiB/s
acknowledged   29,850        995  1020.3 KiB/s
read by each   29,850        995  1020.3 KiB/s

1,000 records sent in all, 2 errors; lag at most 12.
Checked: 0 lost, 0 doubled, 0 out of order.
  2 × overloaded: The buffer is full.

ok    ack.p99<20ms  3 ms
FAIL  errors=0      2
`.trim(),
    )
  })

  it('fits 80 columns, whatever there is to say', () => {
    const ramp = {
      arrivals: { from: 1, to: 1_000_000, steadyMs: 0, rampMs: 30_000 },
      text: '1/s to 1,000,000/s',
    }
    const everything = loadResult({
      group: latencies,
      groupConsumed: loadResult().sent,
      reprocessed: 12_345,
      loopBusy: 1,
      isInterrupted: true,
      steps: [step, step],
      sentRecords: 123_456_789,
      errorKinds: [],
    })
    for (const plan of [loadPlan({ rate: ramp, groups: 2 }), loadPlan({ rate: 'max' })]) {
      const text = [loadIntent(plan, 128), loadReport(plan, everything, [])].join('\n')
      expect(text.split('\n').filter((line) => line.length > 80)).toEqual([])
    }
    const line = `bench  ${loadProgress('measuring', 12_000, loadPlan())}  ${loadLine(moment)}`
    expect(line).toBe('bench  12 of 30 s  50,123/s  ack 1/3 ms  e2e 1/3 ms  errors 0  lag 12')
  })

  it('says what bounds the figures', () => {
    const report = (changes: object, plan = loadPlan()) => loadReport(plan, loadResult(changes), [])
    expect(report({ loopBusy: 0.97 })).toContain('The event loop of this load was 97 % busy')
    expect(report({})).not.toContain('event loop')
    expect(report({}, loadPlan({ rate: 'max' }))).toContain('latencies are those of full buffers')
    expect(report({ isInterrupted: true })).toContain('Interrupted: 30 s were measured.')
    expect(report({}, loadPlan({ consumers: 0 }))).toContain('Nothing read them.')
  })

  it('names each promise that is broken', () => {
    expect(brokenPromises(loadResult())).toEqual([])
    expect(brokenPromises(loadResult({ lost: 1, duplicates: 2, outOfOrder: 3, reprocessed: 4 }))).toEqual([
      '1 acknowledged record not read in time: lost, or still on the way.',
      '2 records read more than once.',
      '3 records read behind a later one of the same key.',
    ])
  })

  it('shows control characters in what an endpoint answers, and does not obey them', () => {
    const errorKinds = [{ code: 'x', count: 1, message: '\u001b[2J' }]
    expect(loadReport(loadPlan(), loadResult({ errorKinds }), [])).toContain('1 × x: \\u001b[2J')
  })

  it('is JSON too', () => {
    const [plan, result] = [loadPlan(), loadResult({ failure: new Error('gone') })]
    const verdicts = [judge(parseThreshold('errors=0'), result, plan)]
    expect(JSON.parse(JSON.stringify(loadReportJson(plan, result, verdicts)))).toMatchObject({
      plan: { stream: 'bench-1a2b3c4d', shards: 4, recordBytes: { min: 100, max: 2000 } },
      acknowledged: { recordsPerSecond: 995 },
      ack: { p99: 3, 'p99.9': 40 },
      failure: 'gone',
      expectations: [{ expect: 'errors=0', holds: false, actual: '2' }],
    })
  })
})
