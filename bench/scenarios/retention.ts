// Scenario: the cost of removal and compaction, by the same appends with and without them.
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '../harness/connect.ts'
import { bars } from '../bars.ts'
import type { RunningDaemon } from '../harness/daemon.ts'
import { diskMegabytes, scrape } from '../harness/scrape.ts'
import type { Figure } from '../report/figure.ts'
import type { Bench } from '../scenario.ts'
import { scenario } from '../scenario.ts'

const BATCH_BYTES = 262_144
const MIB = 2 ** 20
/** Longest time that the broker may take to get below the bound after the load. */
const SETTLE_MS_MAX = 60_000
/** Longer than the time between two looks for segments to remove. */
const QUIET_MS = 12_000
const SETTLE_POLL_MS = 250

interface Point {
  readonly recordBytes: number
  readonly shards: number
  readonly segmentMegabytes: number
  readonly boundMegabytes: number
  readonly deletedMegabytes: number
  readonly keptPerSecond: number
}

export const retentionScenario = scenario({
  name: 'retention',
  doc: 'appends while old records are removed, kept records are compacted, and a stream is deleted',
  settings: {
    recordBytes: { default: 1024, doc: 'data of each record' },
    shards: { default: 4, doc: 'shards of the stream' },
    segmentMegabytes: { default: 16, doc: 'size of a segment, MiB' },
    boundMegabytes: { default: 64, doc: 'bytes that the stream keeps, MiB' },
    deletedMegabytes: { default: 64, doc: 'size of the stream that is deleted meanwhile, MiB' },
    keptPerSecond: {
      default: 10_000,
      doc: 'records a second of a second stream that keeps all, which compaction has to copy',
    },
  },
  examples: ['', '--seconds 30 --bound-megabytes 256', '--kept-per-second 200'],
  async run(bench, values) {
    bench.say('appending, everything kept')
    const before = await measure(bench, values, false)
    bench.say(`appending, ${values.boundMegabytes} MiB kept`)
    const bounded = await measure(bench, values, true)
    bench.say('appending, everything kept again')
    const after = await measure(bench, values, false)
    const baseline = (before.megabytesPerSecond + after.megabytesPerSecond) / 2
    const cost = 100 * (1 - bounded.megabytesPerSecond / baseline)
    const figures: Figure[] = [
      { name: 'everything kept', value: baseline, unit: 'MB/s' },
      { name: 'with removal and compaction', value: bounded.megabytesPerSecond, unit: 'MB/s' },
      { name: 'what they cost', value: cost, unit: '%', bar: bars.retentionCost },
      { name: 'bound', value: (values.boundMegabytes * MIB) / 1e6, unit: 'MB' },
      { name: 'appended', value: bounded.megabytesPerSecond * bench.seconds, unit: 'MB' },
      { name: 'on the disk when the load ended', value: bounded.loadedMegabytes, unit: 'MB' },
      { name: 'on the disk in the end', value: bounded.settledMegabytes, unit: 'MB' },
      { name: 'segments removed', value: bounded.removedSegments, unit: 'segments' },
      { name: 'given back', value: bounded.removedMegabytes, unit: 'MB' },
      { name: 'compactions done', value: bounded.compactions, unit: 'runs' },
      { name: 'compacted, read and written', value: bounded.compactedMegabytes, unit: 'MB' },
    ]
    const notes = [
      `In every run a second stream of ${values.keptPerSecond} records a second is kept, so that segments are partly dead and have to be compacted.`,
      'On the disk beside the bound: the second stream, the active segment, the one opened ahead of need, the catalog, and ' +
        'what is dead in segments of which most is kept.',
    ]
    return [
      {
        scenario: 'retention',
        figures,
        latencies: [],
        settings: { ...values, seconds: bench.seconds },
        notes,
      },
    ]
  },
})

async function measure(bench: Bench, point: Point, isBounded: boolean) {
  const daemon = await bench.startDaemon({ config: { segmentSize: `${point.segmentMegabytes}MiB` } })
  await using client = await connect(daemon.url)
  const retentionBytes = isBounded ? point.boundMegabytes * MIB : 0
  await client.createStream('bench', { shards: point.shards, retentionBytes })
  await client.createStream('kept', { shards: 1 })
  await client.createStream('deleted', { shards: 1 })
  const { url } = daemon
  const { recordBytes } = point
  const { seconds, warmUpSeconds } = bench
  const records = Math.floor((point.deletedMegabytes * MIB) / recordBytes)
  await bench.load('fill', { url, stream: 'deleted', recordBytes, records }).result
  const kept = { url, stream: 'kept', recordBytes, perSecond: point.keptPerSecond }
  const keeping = bench.load('steady', { ...kept, seconds: seconds + warmUpSeconds })
  const settings = { url, stream: 'bench', recordBytes, batchBytes: BATCH_BYTES, seconds, warmUpSeconds }
  const load = bench.load('append', settings)
  await load.ready
  if (isBounded) await client.deleteStream('deleted')
  const { megabytesPerSecond } = await load.result
  await keeping.result
  const loadedMegabytes = await diskMegabytes(daemon.dataDir)
  const settled = isBounded ? await settle(bench, daemon) : loadedMegabytes
  const metrics = await scrape(daemon.adminUrl)
  await daemon.stop()
  return {
    megabytesPerSecond,
    loadedMegabytes,
    settledMegabytes: settled,
    removedSegments: metrics.sum('millrace_removed_segments_total'),
    removedMegabytes: metrics.sum('millrace_removed_bytes_total') / 1e6,
    compactions: metrics.sum('millrace_compactions_total', { result: 'done' }),
    compactedMegabytes: metrics.sum('millrace_compacted_bytes_total') / 1e6,
  }
}

/** Waits until the disk usage has not changed for a while, that is, until all space is freed. */
async function settle(bench: Bench, daemon: RunningDaemon): Promise<number> {
  bench.say('  waiting for the disk to come back')
  const startedAt = performance.now()
  let lowest = Infinity
  let loweredAt = startedAt
  while (performance.now() - startedAt < SETTLE_MS_MAX && performance.now() - loweredAt < QUIET_MS) {
    const megabytes = await diskMegabytes(daemon.dataDir)
    if (megabytes < lowest) loweredAt = performance.now()
    lowest = Math.min(lowest, megabytes)
    await delay(SETTLE_POLL_MS)
  }
  return lowest
}
