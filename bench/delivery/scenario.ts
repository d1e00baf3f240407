// Scenario: what a stream holds becomes objects of a directory, each record in one, by the app delivery, against a plain member of a group that
// writes the same bytes; and how much a delivery without buffers adds to the time that a record takes.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { bars } from '../bars.ts'
import { connect } from '../harness/connect.ts'
import type { RunningDaemon } from '../harness/daemon.ts'
import { mergeLatencies } from '../harness/latency.ts'
import { medianOf } from '../harness/median.ts'
import { processorSecondsOf } from '../harness/processor-time.ts'
import type { DeliveryDrainSettings, DrainResult } from '../load/delivery/drain.ts'
import type { Bar, Figure } from '../report/figure.ts'
import type { Part } from '../report/part.ts'
import { scenario, type Bench, type ValuesOf } from '../scenario.ts'
import { logLineColumns } from './columns.ts'

const settings = {
  megabytes: {
    default: 256,
    doc: 'records of each stream that is drained, in MB; with 0, only the way of a record is timed',
  },
  recordBytes: { default: 1024, doc: 'data of each record that is written as it is' },
  bufferBytes: { default: 16 * 2 ** 20, doc: 'buffer of the deliveries, before compression' },
  shards: { default: 4, doc: 'shards of the streams' },
  rounds: { default: 3, doc: 'measurements of each, in turns' },
  rate: { default: 1000, doc: 'records a second that are timed' },
} as const

type Values = ValuesOf<typeof settings>

const BYTES_OF_LINE = 180
const SPOOL_BYTES = 2 ** 30

const parquet = { type: 'parquet', compression: 'snappy' } as const

/** What is measured, in this order in each round. */
const drains: readonly {
  readonly name: string
  readonly of: 'plain' | 'lines'
  /** Undefined for the plain member of a group. */
  readonly definition?: DeliveryDrainSettings['definition']
  readonly bar?: Bar
}[] = [
  { name: 'raw', of: 'plain', definition: {}, bar: bars.deliveryRaw },
  { name: 'the same by a plain member of a group, without progress', of: 'plain' },
  { name: 'JSON in gzip', of: 'lines', definition: { compression: 'gzip' }, bar: bars.deliveryGzip },
  {
    name: 'JSON to Parquet, given columns',
    of: 'lines',
    definition: { format: { ...parquet, columns: logLineColumns } },
    bar: bars.deliveryParquet,
  },
  {
    name: 'JSON to Parquet, found columns',
    of: 'lines',
    definition: { format: parquet },
    bar: bars.deliveryParquet,
  },
]

export const deliveryScenario = scenario({
  name: 'delivery',
  doc: 'a stream into objects of a directory, each record in one, against a plain member of a group that writes it',
  settings,
  examples: ['', '--megabytes 1024', '--megabytes 64 --rounds 1', '--megabytes 0'],
  async run(bench, values) {
    const daemon = await bench.startDaemon({ isSecure: false })
    const app = bench.load('app', {
      app: 'delivery',
      url: daemon.url,
      options: { spoolDir: bench.directory, spoolBytes: SPOOL_BYTES },
    })
    try {
      const pid = (await app.ready)!
      const rates = values.megabytes === 0 ? [] : await measureDrains(bench, daemon, { values, pid })
      const latency = await measureLatency(bench, daemon, values)
      return [
        {
          scenario: 'delivery',
          figures: [...rates, ...latency.figures],
          latencies: latency.latencies,
          settings: { ...values, seconds: bench.seconds },
          notes: [
            'Rates are medians of the rounds, in bytes of records. They count from the creation of a delivery until all is delivered, and that is stored.',
            'Objects are flushed before they count. The plain member of a group flushes its files at the end, and keeps nothing of its progress.',
            'Records as they are have random data; JSON are log lines of about 180 bytes.',
          ],
        },
      ]
    } finally {
      app.stop()
      await app.result.catch(() => {})
      await daemon.stop()
    }
  },
})

interface Drained extends DrainResult {
  readonly megabytesPerSecond: number
  /** Of the app. */
  readonly processorSecondsPerGigabyte: number
}

async function measureDrains(
  bench: Bench,
  daemon: RunningDaemon,
  { values, pid }: { readonly values: Values; readonly pid: number },
): Promise<readonly Figure[]> {
  const backlogs = await fill(bench, daemon, values)
  const measured = drains.map((): Drained[] => [])
  for (let round = 1; round <= values.rounds; round++) {
    for (const [place, drain] of drains.entries()) {
      bench.say(`${drain.name}, round ${round}`)
      const directory = join(bench.directory, `drain-${place}-${round}`)
      const { bytes, ...backlog } = backlogs[drain.of]
      const common = { url: daemon.url, name: `drain-${place}-${round}`, directory, ...backlog }
      const buffer = { bytes: values.bufferBytes, intervalMs: 300_000 }
      const before = await processorSecondsOf(pid)
      const load =
        drain.definition === undefined
          ? bench.load('plainDrain', common)
          : bench.load('deliveryDrain', { ...common, definition: { ...drain.definition, buffer } })
      const result = await load.result
      const processorSeconds = (await processorSecondsOf(pid)) - before
      measured[place]!.push({
        ...result,
        megabytesPerSecond: bytes / 1e6 / result.seconds,
        processorSecondsPerGigabyte: (1e9 * processorSeconds) / bytes,
      })
      await rm(directory, { recursive: true, force: true })
    }
  }
  const rateOf = (place: number) =>
    medianOf(measured[place]!.map(({ megabytesPerSecond }) => megabytesPerSecond))
  const figures = drains.flatMap(({ name, definition, bar }, place): Figure[] => {
    const rate: Figure = { name, value: rateOf(place), unit: 'MB/s', ...(bar && { bar }) }
    const results = measured[place]!
    if (definition === undefined) return [rate]
    return [
      rate,
      { name: `${name}: objects`, value: results[0]?.files ?? 0, unit: 'objects' },
      {
        name: `${name}: processor time of 1 GB`,
        value: medianOf(results.map(({ processorSecondsPerGigabyte }) => processorSecondsPerGigabyte)),
        unit: 's',
      },
    ]
  })
  return [...figures, { name: 'raw, of the plain member', value: rateOf(0) / rateOf(1), unit: 'x' }]
}

/** Streams whose shards have ended: the last objects need not wait for more records. */
async function fill(bench: Bench, { url }: RunningDaemon, values: Values) {
  const { megabytes, recordBytes, shards } = values
  await using client = await connect(url)
  for (const stream of ['plain', 'lines']) await client.createStream(stream, { shards })
  bench.say(`two streams of ${megabytes} MB`)
  const plain = { stream: 'plain', records: Math.round((megabytes * 1e6) / recordBytes) }
  const lines = { stream: 'lines', records: Math.round((megabytes * 1e6) / BYTES_OF_LINE) }
  await bench.load('fill', { url, ...plain, recordBytes }).result
  const { bytes } = await bench.load('fillJson', { url, ...lines, shape: 'logLine' }).result
  for (const stream of ['plain', 'lines']) await client.updateShardCount(stream, 2 * shards)
  return {
    plain: { ...plain, bytes: plain.records * recordBytes },
    lines: { ...lines, bytes },
  } as const
}

async function measureLatency(
  bench: Bench,
  { url }: RunningDaemon,
  { rate: perSecond, recordBytes, shards }: Values,
): Promise<Pick<Part, 'figures' | 'latencies'>> {
  const directory = join(bench.directory, 'delivery-latency')
  await mkdir(directory)
  await using client = await connect(url)
  await client.createStream('timed', { shards })
  bench.say(`record to file at ${perSecond} records a second`)
  const { seconds, warmUpSeconds } = bench
  const rates = { perSecond, seconds, warmUpSeconds }
  const timed = await bench.load('deliveryLatency', {
    url,
    stream: 'timed',
    directory,
    recordBytes,
    ...rates,
  }).result
  const [through, plain] = [mergeLatencies([timed.through]), mergeLatencies([timed.plain])]
  return {
    figures: [
      { name: `record to file without buffers, p50, ${perSecond}/s`, value: through.p50Ms, unit: 'ms' },
      {
        name: 'of it by the delivery',
        value: through.p50Ms - plain.p50Ms,
        unit: 'ms',
        bar: bars.deliveryLatency,
      },
    ],
    latencies: [
      { name: 'record to a file that is read', summary: through },
      { name: 'record to a plain member of a group', summary: plain },
    ],
  }
}
