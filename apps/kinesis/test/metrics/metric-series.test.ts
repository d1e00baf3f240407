// Reports of metrics, and what is kept of them.
import { describe, expect, it } from 'vitest'
import { metricReport, queryInput } from '../../src/metrics/metric-datum.ts'
import { MetricSeries, SERIES_MAX } from '../../src/metrics/metric-series.ts'

describe('a report of metrics', () => {
  it('is read from values, from counted values and from statistics', () => {
    const report = metricReport({
      Namespace: 'app',
      MetricData: [
        { MetricName: 'a', Value: 3, Unit: 'Count', Dimensions: [{ Name: 'ShardId', Value: 's' }] },
        { MetricName: 'b', Values: [1, 4], Counts: [2, 1] },
        { MetricName: 'c', StatisticValues: { SampleCount: 5, Sum: 10, Minimum: 1, Maximum: 4 } },
      ],
    })
    expect(report.data).toEqual([
      { name: 'a', unit: 'Count', dimensions: [['ShardId', 's']], samples: 1, sum: 3, min: 3, max: 3 },
      { name: 'b', unit: 'None', dimensions: [], samples: 3, sum: 6, min: 1, max: 4 },
      { name: 'c', unit: 'None', dimensions: [], samples: 5, sum: 10, min: 1, max: 4 },
    ])
  })

  it('is read from a body of the query protocol, in the order of its numbers', () => {
    const members = Array.from({ length: 11 }, (_, i) => `MetricData.member.${i + 1}.MetricName=m${i + 1}`)
    const values = Array.from({ length: 11 }, (_, i) => `MetricData.member.${i + 1}.Value=${i + 1}`)
    const input = queryInput(['Action=PutMetricData', 'Namespace=my%20app', ...members, ...values].join('&'))
    const { namespace, data } = metricReport(input)
    expect(namespace).toBe('my app')
    expect(data.map(({ name, sum }) => [name, sum])).toEqual(
      Array.from({ length: 11 }, (_, i) => [`m${i + 1}`, i + 1]),
    )
  })

  it.each([
    [undefined],
    [{}],
    [{ Namespace: '', MetricData: [] }],
    [{ Namespace: 'app', MetricData: {} }],
    [{ Namespace: 'app', MetricData: [{}] }],
    [{ Namespace: 'app', MetricData: [{ MetricName: 'a' }] }],
    [{ Namespace: 'app', MetricData: [{ MetricName: 'a', Value: 'x' }] }],
    [{ Namespace: 'app', MetricData: [{ MetricName: 'a', Values: [1], Counts: [1, 2] }] }],
    [{ Namespace: 'app', MetricData: [{ MetricName: 'x'.repeat(300), Value: 1 }] }],
    [{ Namespace: 'app', MetricData: Array.from({ length: 1001 }, () => ({ MetricName: 'a', Value: 1 })) }],
  ])('is refused where it is none: %#', (input) => {
    expect(() => metricReport(input)).toThrow(expect.objectContaining({ code: 'ValidationException' }))
  })
})

describe('the series of metrics', () => {
  const datum = { name: 'm', unit: 'Count', dimensions: [], samples: 1, sum: 2, min: 2, max: 2 }

  it('count what is reported, by name and dimensions, in names that Prometheus takes', () => {
    const series = new MetricSeries()
    const dimensions = [
      ['Shard Id', 'a"b\\c\nd'],
      ['Shard-Id', 'x'],
    ] as const
    series.report({ namespace: 'app', data: [datum, { ...datum, sum: 5, max: 5, dimensions }] })
    series.report({ namespace: 'app', data: [datum] })
    const labels = 'namespace="app",metric="m",unit="Count"'
    const text = series.text()
    expect(text).toContain(`cloudwatch_samples_total{${labels}} 2\n`)
    expect(text).toContain(`cloudwatch_sum{${labels}} 4\n`)
    expect(text).toContain(
      `cloudwatch_max{${labels},dimension_Shard_Id="a\\"b\\\\c\\nd",dimension_Shard_Id_="x"} 5\n`,
    )
  })

  it('are so many and no more', () => {
    const series = new MetricSeries()
    for (let i = 0; i < SERIES_MAX + 10; i++) {
      series.report({ namespace: 'app', data: [{ ...datum, name: `m${i}` }] })
    }
    const text = series.text()
    expect(text.match(/^cloudwatch_sum\{/gm)).toHaveLength(SERIES_MAX)
    expect(text).toContain('cloudwatch_series_dropped_total 10\n')
    expect(text).not.toContain('metric="m9"')
    expect(text).toContain('metric="m10"')
  })
})
