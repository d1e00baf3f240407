// Scenario: a function is called with what a stream holds, by the app functions, against a plain member of a group; and how much the app adds
// to the time that a record takes to its handler.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { bars } from '../bars.ts'
import { connect } from '../harness/connect.ts'
import type { RunningDaemon } from '../harness/daemon.ts'
import { mergeLatencies } from '../harness/latency.ts'
import { medianOf } from '../harness/median.ts'
import { processorSecondsOf } from '../harness/processor-time.ts'
import type { FunctionsDrainSettings } from '../load/functions/drain.ts'
import type { Figure } from '../report/figure.ts'
import type { Part } from '../report/part.ts'
import { scenario, type Bench, type ValuesOf } from '../scenario.ts'

const settings = {
  records: { default: 1_000_000, doc: 'records of 100 bytes that the function is called with' },
  batchSize: { default: 500, doc: 'records of a call' },
  shards: { default: 4, doc: 'shards of the streams' },
  rounds: { default: 3, doc: 'measurements of each, in turns' },
  rate: { default: 1000, doc: 'records a second that are timed' },
  timedBatchSize: { default: 100, doc: 'records of a call that is timed, at most' },
} as const

type Values = ValuesOf<typeof settings>

const STREAM = 'small'
/** Of every second record. */
const FILTER = JSON.stringify({ data: { kind: ['view'] } })

const kinds = ['module', 'output', 'filter', 'http', 'plain'] as const
type Kind = (typeof kinds)[number]

const names: Readonly<Record<Kind, string>> = {
  module: 'module that decodes each record',
  output: 'module whose answers are stored once, in a stream',
  filter: 'module, with a filter that lets half through',
  http: 'HTTP endpoint that decodes each record',
  plain: 'handler of a plain member of a group',
}

export const functionsScenario = scenario({
  name: 'functions',
  doc: 'a function is called with a stream, as a module and by HTTP, against a plain member of a group',
  settings,
  examples: ['', '--batch-size 100', '--records 200k --rounds 1'],
  async run(bench, values) {
    const daemon = await bench.startDaemon({ isSecure: false })
    const options = { host: '127.0.0.1', port: 0 }
    const app = bench.load('app', { app: 'functions', url: daemon.url, options })
    const endpoint = bench.load('httpTarget', {})
    try {
      const pid = (await app.ready)!
      const port = (await endpoint.ready)!
      const rates = await measureCalls(bench, daemon, { values, pid, port })
      const latency = await measureLatency(bench, daemon, values)
      return [
        {
          scenario: 'functions',
          figures: [...rates, ...latency.figures],
          latencies: latency.latencies,
          settings: { ...values, seconds: bench.seconds },
          notes: [
            `Rates are medians of the rounds, with batches of ${values.batchSize}. They count from the creation of a mapping until its checkpoints are at the tails; threads and modules start within.`,
            'A record that a filter keeps out counts as one.',
          ],
        },
      ]
    } finally {
      app.stop()
      endpoint.stop()
      await Promise.allSettled([app.result, endpoint.result])
      await daemon.stop()
    }
  },
})

async function measureCalls(
  bench: Bench,
  { url }: RunningDaemon,
  { values, pid, port }: { readonly values: Values; readonly pid: number; readonly port: number },
): Promise<readonly Figure[]> {
  const { records, shards, batchSize } = values
  await using client = await connect(url)
  await client.createStream(STREAM, { shards })
  bench.say(`${records.toLocaleString('en-US')} records`)
  await bench.load('fillJson', { url, stream: STREAM, shape: 'small', records }).result
  const rates: Record<Kind, number[]> = { module: [], output: [], filter: [], http: [], plain: [] }
  const costs: Record<Kind, number[]> = { module: [], output: [], filter: [], http: [], plain: [] }
  for (let round = 1; round <= values.rounds; round++) {
    for (const kind of kinds) {
      bench.say(`${names[kind]}, round ${round}`)
      if (kind === 'plain') {
        const consume = { url, stream: STREAM, records, checkpoint: 'batch', seconds: 0 } as const
        rates.plain.push((await bench.load('groupConsume', consume).result).recordsPerSecond)
        continue
      }
      const to = { stream: `output-${round}` }
      if (kind === 'output') await client.createStream(to.stream, { shards })
      const drain: FunctionsDrainSettings = {
        url,
        name: `${kind}-${round}`,
        stream: STREAM,
        shards,
        target:
          kind === 'http'
            ? { url: `http://127.0.0.1:${port}/` }
            : { handler: kind === 'output' ? 'pass' : 'read' },
        mapping: {
          batchSize,
          ...(kind === 'output' && { to }),
          ...(kind === 'filter' && { filters: [FILTER] }),
        },
        outputs: records,
      }
      const before = await processorSecondsOf(pid)
      const { seconds } = await bench.load('functionsDrain', drain).result
      costs[kind].push((1e6 * ((await processorSecondsOf(pid)) - before)) / records)
      rates[kind].push(records / seconds)
      if (kind === 'output') await client.deleteStream(to.stream)
    }
  }
  const rateOf = (kind: Kind): number => medianOf(rates[kind])
  return [
    ...kinds.map((kind): Figure => {
      const bar = kind === 'module' ? { bar: bars.functionRecords } : {}
      return { name: names[kind], value: rateOf(kind), unit: 'records/s', ...bar }
    }),
    { name: 'module, of the plain member', value: rateOf('module') / rateOf('plain'), unit: 'x' },
    ...kinds.slice(0, -1).map((kind): Figure => {
      const name = `${names[kind]}: processor time of 1,000,000`
      return { name, value: medianOf(costs[kind]), unit: 's' }
    }),
  ]
}

async function measureLatency(
  bench: Bench,
  { url }: RunningDaemon,
  { rate: perSecond, timedBatchSize: batchSize, shards }: Values,
): Promise<Pick<Part, 'figures' | 'latencies'>> {
  const directory = join(bench.directory, 'functions-latency')
  await mkdir(directory)
  await using client = await connect(url)
  await client.createStream('timed', { shards })
  bench.say(`record to function at ${perSecond} records a second`)
  const { seconds, warmUpSeconds } = bench
  const timed = await bench.load('functionsLatency', {
    url,
    stream: 'timed',
    directory,
    recordBytes: 100,
    batchSize,
    perSecond,
    seconds,
    warmUpSeconds,
  }).result
  const [through, plain] = [mergeLatencies([timed.through]), mergeLatencies([timed.plain])]
  return {
    figures: [
      { name: `record to function, p50, ${perSecond}/s`, value: through.p50Ms, unit: 'ms' },
      {
        name: 'of it by the app',
        value: through.p50Ms - plain.p50Ms,
        unit: 'ms',
        bar: bars.functionLatency,
      },
      { name: 'record to function, of a plain member', value: through.p50Ms / plain.p50Ms, unit: 'x' },
    ],
    latencies: [
      { name: 'record to a function', summary: through },
      { name: 'record to a plain member of a group', summary: plain },
    ],
  }
}
