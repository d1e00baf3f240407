// Scenario: splits, merges and rescaling under load: duration of a change, its effect on producers, and its cost.
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '../../client/index.ts'
import { connect } from '../harness/connect.ts'
import { bars } from '../bars.ts'
import { monotonicMs } from '../harness/clock.ts'
import { LatencyRecorder, mergeLatencies } from '../harness/latency.ts'
import type { Figure, LatencyCurve } from '../report/figure.ts'
import type { Bench } from '../scenario.ts'
import { scenario } from '../scenario.ts'

const STREAM = 'bench'
const BATCH_BYTES = 262_144
/** Longest time that a rescaling may take. */
const RESCALE_SECONDS_MAX = 120

interface Point {
  readonly recordBytes: number
  readonly shards: number
  readonly splits: number
}

export const reshardScenario = scenario({
  name: 'reshard',
  doc: 'splits and merges while producers append and a subscriber follows',
  settings: {
    splits: { default: 10, doc: 'splits in the time of one measurement' },
    shards: { default: 4, doc: 'shards to begin with' },
    recordBytes: { default: 1024, doc: 'data of each record' },
    rate: { default: 5000, doc: 'records a second, where latency is measured' },
    producers: { default: 8, doc: 'producers at that rate' },
    most: { default: 64, doc: 'shards to scale to, from 1 and back' },
  },
  examples: ['', '--seconds 60', '--rate 20k --record-bytes 256'],
  async run(bench, values) {
    const figures: Figure[] = []
    const latencies: LatencyCurve[] = []
    const full = await measureThroughput(bench, values)
    figures.push(...full.figures)
    latencies.push(full.latency)
    const paced = await measureLatency(bench, values)
    figures.push(...paced.figures)
    latencies.push(...paced.latencies)
    figures.push(...(await measureRescaling(bench, values)))
    const notes = [
      'A split is timed from its request to the answer that its children take records. One percentile of ten is their maximum.',
      'Acknowledgement and push at an even rate are timed from the intended send time, over every split.',
    ]
    return [
      { scenario: 'reshard', figures, latencies, settings: { ...values, seconds: bench.seconds }, notes },
    ]
  },
})

/** Appends at full speed in a closed loop: without splits, with splits, and without again, each on a new broker. */
async function measureThroughput(bench: Bench, point: Point) {
  const plain = { ...point, splits: 0 }
  bench.say('appending at full speed, without splits')
  const before = await appendWhileSplitting(bench, plain)
  bench.say(`appending at full speed, with ${point.splits} splits`)
  const splitting = await appendWhileSplitting(bench, point)
  bench.say('appending at full speed, without splits again')
  const after = await appendWhileSplitting(bench, plain)
  const baseline = (before.megabytesPerSecond + after.megabytesPerSecond) / 2
  const percent = (100 * splitting.megabytesPerSecond) / baseline
  const splits = splitting.splits.summary()
  const figures: Figure[] = [
    { name: 'full speed, no splits', value: baseline, unit: 'MB/s' },
    { name: `full speed, ${point.splits} splits`, value: splitting.megabytesPerSecond, unit: 'MB/s' },
    { name: 'with splits of without', value: percent, unit: '%', bar: bars.splittingThroughput },
    { name: 'split at full speed, p50', value: splits.p50Ms, unit: 'ms' },
    { name: 'split at full speed, p99', value: splits.p99Ms, unit: 'ms', bar: bars.split },
  ]
  return { figures, latency: { name: 'split, at full speed', summary: splits } }
}

async function appendWhileSplitting(bench: Bench, point: Point) {
  const daemon = await bench.startDaemon()
  await using client = await connect(daemon.url)
  await client.createStream(STREAM, { shards: point.shards })
  const { seconds, warmUpSeconds } = bench
  const { recordBytes } = point
  const place = { url: daemon.url, stream: STREAM }
  const load = bench.load('append', {
    ...place,
    recordBytes,
    batchBytes: BATCH_BYTES,
    seconds,
    warmUpSeconds,
  })
  await load.ready
  const splits = await splitEvenly(bench, client, point.splits)
  const result = await load.result
  await daemon.stop()
  return { ...result, splits }
}

/** Appends at an even rate (open loop), with a subscriber that must get every record. */
async function measureLatency(
  bench: Bench,
  point: Point & { readonly rate: number; readonly producers: number },
) {
  bench.say(
    `sending ${point.rate} records a second from ${point.producers} producers, with ${point.splits} splits`,
  )
  const daemon = await bench.startDaemon()
  await using client = await connect(daemon.url)
  await client.createStream(STREAM, { shards: point.shards })
  const { seconds, warmUpSeconds } = bench
  const { recordBytes, rate: perSecond, producers } = point
  const place = { url: daemon.url, stream: STREAM }
  const load = bench.load('latency', { ...place, recordBytes, perSecond, producers, seconds, warmUpSeconds })
  await load.ready
  const splits = (await splitEvenly(bench, client, point.splits)).summary()
  const result = await load.result
  await daemon.stop()
  const acknowledged = mergeLatencies([result.acknowledged])
  const rate = `${((perSecond * recordBytes) / 1e6).toFixed(0)} MB/s`
  const figures: Figure[] = [
    { name: `split at ${rate}, p50`, value: splits.p50Ms, unit: 'ms' },
    { name: `split at ${rate}, p99`, value: splits.p99Ms, unit: 'ms', bar: bars.split },
    { name: `acknowledgement at ${rate}, p50`, value: acknowledged.p50Ms, unit: 'ms' },
    {
      name: `acknowledgement at ${rate}, p99`,
      value: acknowledged.p99Ms,
      unit: 'ms',
      bar: bars.ackWhileSplitting,
    },
  ]
  const latencies = [
    { name: `split, at ${rate}`, summary: splits },
    { name: 'acknowledgement while splitting', summary: acknowledged },
    { name: 'push while splitting', summary: mergeLatencies([result.pushed]) },
    { name: 'lateness of the load itself', summary: mergeLatencies([result.lateness]) },
  ]
  return { figures, latencies }
}

/** Makes the splits evenly over one measurement, each of the shard with the widest range. */
async function splitEvenly(bench: Bench, client: Client, splits: number): Promise<LatencyRecorder> {
  const recorder = new LatencyRecorder()
  const startsAt = monotonicMs() + bench.warmUpSeconds * 1000
  const everyMs = (bench.seconds * 1000) / (splits + 1)
  for (let split = 1; split <= splits; split++) {
    await delay(Math.max(0, startsAt + split * everyMs - monotonicMs()))
    const shard = await widestShard(client)
    const askedAt = monotonicMs()
    await client.splitShard(STREAM, shard)
    recorder.record(monotonicMs() - askedAt)
  }
  return recorder
}

async function widestShard(client: Client): Promise<string> {
  let widest: { readonly shardId: string; readonly width: bigint } | undefined
  for await (const { shardId, state, hashKeyRange } of client.listShards(STREAM)) {
    const width = BigInt(hashKeyRange.endingHashKey) - BigInt(hashKeyRange.startingHashKey)
    if (state === 'OPEN' && width > (widest?.width ?? -1n)) widest = { shardId, width }
  }
  return widest!.shardId
}

/** Scales from one shard to many and back while producers append at full speed. */
async function measureRescaling(
  bench: Bench,
  values: { readonly most: number; readonly recordBytes: number },
) {
  const { most, recordBytes } = values
  bench.say(`scaling from 1 shard to ${most} and back, at full speed`)
  const daemon = await bench.startDaemon()
  await using client = await connect(daemon.url)
  await client.createStream(STREAM, { shards: 1 })
  const { warmUpSeconds } = bench
  const place = { url: daemon.url, stream: STREAM, recordBytes, batchBytes: BATCH_BYTES }
  const load = bench.load('append', { ...place, seconds: RESCALE_SECONDS_MAX, warmUpSeconds })
  await load.ready
  await delay(warmUpSeconds * 1000)
  const startedAt = monotonicMs()
  await client.updateShardCount(STREAM, most)
  const grownAt = monotonicMs()
  bench.say(`  grown in ${((grownAt - startedAt) / 1000).toFixed(2)} s`)
  await client.updateShardCount(STREAM, 1)
  const backAt = monotonicMs()
  load.stop()
  const { megabytesPerSecond } = await load.result
  await daemon.stop()
  const figures: Figure[] = [
    { name: `1 → ${most} shards`, value: (grownAt - startedAt) / 1000, unit: 's' },
    { name: `${most} → 1 shard`, value: (backAt - grownAt) / 1000, unit: 's' },
    { name: `1 → ${most} → 1`, value: (backAt - startedAt) / 1000, unit: 's', bar: bars.rescale },
    { name: 'appended meanwhile', value: megabytesPerSecond, unit: 'MB/s' },
  ]
  return figures
}
