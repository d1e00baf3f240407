// The table of metrics, its instruments, and a scrape of several processes at once.
import { describe, expect, it } from 'vitest'
import { countHost, countServer, readHost, type HostReadings } from '../../broker/telemetry/counting.ts'
import { metricsPage } from '../../broker/telemetry/docs-page.ts'
import { exposition } from '../../broker/telemetry/exposition.ts'
import { createTelemetry } from '../../broker/telemetry/instruments.ts'
import { metrics, type Metric } from '../../broker/telemetry/metrics.ts'
import type { HostMetrics } from '../../broker/host/host-metrics.ts'
import type { ServerMetrics } from '../../broker/server/server-metrics.ts'

const quiet = { withProcess: false }
const readings: HostReadings = {
  shards: 3,
  subscriptions: 2,
  waitingFetches: 0,
  appendQueueBytes: 10,
  tailCacheBytes: 20,
  coldReadsRunning: 1,
  coldReadsWaiting: 4,
  storageFull: true,
  storedBytes: 9000,
  compaction: { bytesRead: 3000, bytesWritten: 1000, part: 0.25 },
  owners: [
    {
      ownerId: 0,
      waitingMs: 1_500,
      stats: { commits: 5, commitMs: 2_500, batches: 9, bytes: 900, segments: 2, producers: 3 },
    },
    { ownerId: 1, waitingMs: 12_000 },
  ],
}

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
    expect(labels).toEqual(
      new Set(['reason', 'operation', 'code', 'host', 'result', 'state', 'owner', 'direction', 'cause']),
    )
  })

  it('is on the docs page, every metric with its sentence', () => {
    const page = metricsPage()
    expect(
      entries.filter(([name, { help }]) => !page.includes(`\`${name}\``) || !page.includes(help)),
    ).toEqual([])
  })
})

describe('a scrape', () => {
  it('shows what countServer and countHost have counted', async () => {
    const telemetry = createTelemetry('host', quiet)
    const server: ServerMetrics = countServer(telemetry.instruments)
    const host: HostMetrics = countHost(telemetry.instruments)
    server.connectionOpened()
    server.connectionOpened()
    server.connectionClosed('clientLeft')
    server.requestReceived('append')
    server.bytesReceived(100)
    server.bytesReceived(23)
    host.appended(2, 30, 4_000)
    host.refused('overloaded', 3)
    host.appendAnswered(3)
    host.cacheHit()
    host.segmentsRemoved(2, 500)
    host.compactionEnded('done', 300)
    readHost(telemetry.instruments, readings)
    const text = await exposition(await telemetry.collect(), [])
    const lines = text.split('\n')
    expect(lines).toEqual(
      expect.arrayContaining([
        'millrace_connections 1',
        'millrace_connections_closed_total{reason="clientLeft"} 1',
        'millrace_requests_total{operation="append"} 1',
        'millrace_received_bytes_total 123',
        'millrace_appended_records_total 30',
        'millrace_refused_batches_total{code="overloaded"} 3',
        'millrace_removed_segments_total 2',
        'millrace_removed_bytes_total 800',
        'millrace_compactions_total{result="done"} 1',
        'millrace_stored_bytes 9000',
        'millrace_compacted_bytes_total{direction="read"} 3000',
        'millrace_compacted_bytes_total{direction="written"} 1000',
        'millrace_compaction_progress 0.25',
        'millrace_append_seconds_bucket{le="0.002"} 0',
        'millrace_append_seconds_bucket{le="0.004"} 1',
        'millrace_append_seconds_sum 0.003',
        'millrace_tail_cache_reads_total{result="hit"} 1',
        'millrace_cold_reads{state="waiting"} 4',
        'millrace_storage_full 1',
        'millrace_owner_commit_seconds_total{owner="0"} 2.5',
        'millrace_owner_waiting_seconds{owner="0"} 1.5',
        'millrace_owner_waiting_seconds{owner="1"} 12',
        '# TYPE millrace_append_seconds histogram',
        '# HELP millrace_connections Open connections.',
      ]),
    )
  })

  it('gives the same sums every time: a scrape changes nothing', async () => {
    const telemetry = createTelemetry('host', quiet)
    countHost(telemetry.instruments).appended(1, 1, 1)
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
    countServer(controller.instruments).bytesSent(1)
    countServer(hosts[0]!.instruments).bytesSent(2)
    countServer(hosts[1]!.instruments).bytesSent(3)
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
