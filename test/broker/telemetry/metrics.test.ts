// The table of metrics, its instruments, and a scrape of several processes at once.
import { describe, expect, it } from 'vitest'
import { metricsPage } from '../../../broker/telemetry/docs-page.ts'
import { exposition } from '../../../broker/telemetry/exposition.ts'
import { createTelemetry } from '../../../broker/telemetry/instruments.ts'
import { metrics, type Metric } from '../../../broker/telemetry/metrics.ts'

const quiet = { withProcess: false }

describe('the table of metrics', () => {
  const entries = Object.entries<Metric>(metrics)

  it('has names that begin with millrace_; counters end with _total, histograms with their unit', () => {
    const misnamed = entries.filter(
      ([name, { kind }]) =>
        !name.startsWith('millrace_') ||
        name.endsWith('_total') !== (kind === 'counter') ||
        (kind === 'histogram' && !/_(seconds|bytes)$/.test(name)),
    )
    expect(misnamed).toEqual([])
  })

  it('has no label for a stream, a shard or a client, so that the number of series is bounded', () => {
    const labels = new Set(entries.flatMap(([, metric]) => metric.labels))
    // Groups are named up to a bound, which test/broker/control/groups/group-gauges.test.ts keeps.
    const bounded = [
      'reason',
      'operation',
      'code',
      'host',
      'app',
      'result',
      'state',
      'owner',
      'direction',
      'cause',
      'event',
      'quota',
      'outcome',
      'file',
    ]
    expect(labels).toEqual(new Set([...bounded, 'group']))
  })

  it('is on the docs page, every metric with its sentence', () => {
    const page = metricsPage()
    expect(
      entries.filter(([name, { help }]) => !page.includes(`\`${name}\``) || !page.includes(help)),
    ).toEqual([])
  })
})

describe('a scrape', () => {
  it('shows what was counted, set and observed, by name and label', async () => {
    const { instruments, collect } = createTelemetry('host', quiet)
    instruments.millrace_connections.add(1)
    instruments.millrace_connections.add(1)
    instruments.millrace_connections.add(-1)
    instruments.millrace_connections_closed_total.add(1, 'clientLeft')
    instruments.millrace_received_bytes_total.add(100)
    instruments.millrace_received_bytes_total.add(23)
    instruments.millrace_refused_batches_total.add(3, 'overloaded')
    instruments.millrace_refused_batches_total.add(1, 'storageFull')
    instruments.millrace_refused_batches_total.add(1, 'overloaded')
    instruments.millrace_append_seconds.observe(0.003)
    instruments.millrace_cold_reads.set(9, 'waiting')
    instruments.millrace_cold_reads.set(4, 'waiting')
    instruments.millrace_owner_commits_total.advanceTo(5, '0')
    instruments.millrace_owner_commits_total.advanceTo(7, '0')
    const text = await exposition(await collect(), [])
    const lines = text.split('\n')
    expect(lines).toEqual(
      expect.arrayContaining([
        'millrace_connections 1',
        'millrace_connections_closed_total{reason="clientLeft"} 1',
        'millrace_received_bytes_total 123',
        'millrace_refused_batches_total{code="overloaded"} 4',
        'millrace_refused_batches_total{code="storageFull"} 1',
        'millrace_append_seconds_bucket{le="0.002"} 0',
        'millrace_append_seconds_bucket{le="0.004"} 1',
        'millrace_append_seconds_sum 0.003',
        'millrace_cold_reads{state="waiting"} 4',
        'millrace_owner_commits_total{owner="0"} 7',
        '# TYPE millrace_append_seconds histogram',
        '# HELP millrace_connections Open connections.',
      ]),
    )
  })

  it('gives the same sums every time: a scrape changes nothing', async () => {
    const telemetry = createTelemetry('host', quiet)
    telemetry.instruments.millrace_appended_records_total.add(1)
    telemetry.instruments.millrace_refused_batches_total.add(1, 'overloaded')
    const first = await exposition(await telemetry.collect(), [])
    expect(await exposition(await telemetry.collect(), [])).toBe(first)
  })

  it('shows 0 from the start for a metric without labels, and only metrics of its process', async () => {
    const text = await exposition(await createTelemetry('controller', quiet).collect(), [])
    expect(text).toContain('millrace_sent_bytes_total 0')
    expect(text).not.toContain('millrace_appended_records_total')
  })

  it('tells hosts apart by a label, after their metrics were sent between processes', async () => {
    const controller = createTelemetry('controller', quiet)
    const hosts = [createTelemetry('host', quiet), createTelemetry('host', quiet)]
    controller.instruments.millrace_sent_bytes_total.add(1)
    hosts[0]!.instruments.millrace_sent_bytes_total.add(2)
    hosts[1]!.instruments.millrace_sent_bytes_total.add(3)
    const collections = await Promise.all(
      hosts.map(async (host, index) => ({
        hostId: index + 1,
        metrics: structuredClone(await host.collect()),
      })),
    )
    const text = await exposition(await controller.collect(), collections)
    expect(text.match(/^millrace_sent_bytes_total.*$/gm)).toEqual([
      'millrace_sent_bytes_total 1',
      'millrace_sent_bytes_total{host="1"} 2',
      'millrace_sent_bytes_total{host="2"} 3',
    ])
    expect(text.match(/^# TYPE millrace_sent_bytes_total /gm)).toHaveLength(1)
    expect(text).toContain('millrace_append_seconds_bucket{host="2",le="+Inf"} 0')
  })

  it('includes metrics of the process where asked to', async () => {
    const text = await exposition(await createTelemetry('controller', { withProcess: true }).collect(), [])
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m)
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m)
  })
})
