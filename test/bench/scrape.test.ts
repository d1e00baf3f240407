// Metrics as the bench reads them: sums over labels, as far as they are told apart.
import { expect, test } from 'vitest'
import { readMetrics } from '../../bench/harness/scrape.ts'

const TEXT = `# HELP millrace_compactions_total Compactions that ended.
# TYPE millrace_compactions_total counter
millrace_compactions_total{host="1",result="done"} 3
millrace_compactions_total{host="2",result="done"} 4
millrace_compactions_total{host="2",result="storageFull"} 1
millrace_streams 2
millrace_compactions_total_of_something_else 100
`

test('sums a metric over the labels that are not asked for', () => {
  const metrics = readMetrics(TEXT)
  expect(metrics.sum('millrace_compactions_total')).toBe(8)
  expect(metrics.sum('millrace_compactions_total', { result: 'done' })).toBe(7)
  expect(metrics.sum('millrace_compactions_total', { result: 'done', host: '2' })).toBe(4)
  expect(metrics.sum('millrace_streams')).toBe(2)
})

test('answers 0 for what was never counted', () => {
  expect(readMetrics(TEXT).sum('millrace_unknown')).toBe(0)
  expect(readMetrics('').sum('millrace_streams')).toBe(0)
})
