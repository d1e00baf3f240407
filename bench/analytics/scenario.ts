// Scenario: questions over what a stream holds, and continuous queries over it, by the app analytics.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { bars } from '../bars.ts'
import { connect } from '../harness/connect.ts'
import type { RunningDaemon } from '../harness/daemon.ts'
import { mergeLatencies } from '../harness/latency.ts'
import { medianOf } from '../harness/median.ts'
import { residentMegabytesOf } from '../harness/memory.ts'
import { processorPercentOf, processorSecondsOf } from '../harness/processor-time.ts'
import type { Figure } from '../report/figure.ts'
import type { Part } from '../report/part.ts'
import { scenario, type Bench, type ValuesOf } from '../scenario.ts'

const settings = {
  records: { default: 2_000_000, doc: 'clicks of 200 bytes that are asked and counted' },
  shards: { default: 4, doc: 'shards of the streams' },
  rounds: { default: 3, doc: 'measurements of each, in turns' },
  rate: { default: 1000, doc: 'clicks a second whose results are timed' },
  queries: { default: 50, doc: 'queries over a stream to which nothing comes' },
} as const

type Values = ValuesOf<typeof settings>
type Serving = { readonly daemon: RunningDaemon; readonly pid: number; readonly values: Values }

const STREAM = 'clicks'
const SETTLE_MS = 5000

/** Questions, by what they read of each record. */
const questions = {
  pruned: {
    name: 'question: two of the columns',
    sql: `SELECT page, avg(ms) AS ms, count(*) AS n FROM ${STREAM} GROUP BY page`,
  },
  count: { name: 'question: none of the columns', sql: `SELECT count(*) AS n FROM ${STREAM}` },
  whole: { name: 'question: all of the columns', sql: `SELECT * FROM ${STREAM} ORDER BY ms DESC LIMIT 1` },
} as const

/** Continuous queries. `times`: how many windows each click is in. */
export const continuous = {
  tumbling: {
    name: 'tumbling count by key',
    times: 1,
    from: `TUMBLE(TABLE ${STREAM}, DESCRIPTOR(ts), INTERVAL '10' SECOND)`,
    value: 'count(*) AS n',
  },
  sliding: {
    name: 'sliding average by key',
    times: 5,
    from: `HOP(TABLE ${STREAM}, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '10' SECOND)`,
    value: 'count(*) AS n, avg(ms) AS ms',
  },
} as const

const continuousBars = { tumbling: bars.analyticsTumbling, sliding: bars.analyticsSliding } as const

export const analyticsScenario = scenario({
  name: 'analytics',
  doc: 'questions in SQL over what a stream holds, and continuous queries over it',
  settings,
  examples: ['', '--records 200k --rounds 1', '--queries 200'],
  async run(bench, values) {
    const daemon = await bench.startDaemon({ isSecure: false })
    const directory = join(bench.directory, 'analytics')
    await mkdir(directory)
    try {
      await using client = await connect(daemon.url)
      await client.createStream(STREAM, { shards: values.shards })
      bench.say(`${values.records.toLocaleString('en-US')} clicks`)
      const fill = { url: daemon.url, stream: STREAM, clicks: values.records }
      const { bytes, closing } = await bench.load('fillClicks', fill).result
      const asked = await measureQuestions(bench, daemon, {
        values,
        directory,
        clicks: values.records + closing,
      })
      const { rates, latency } = await withApp(bench, { daemon, directory }, async (pid) => {
        const serving = { daemon, values, pid }
        return {
          rates: await measureQueries(bench, serving),
          latency: await measureLatency(bench, serving),
        }
      })
      const idle = await withApp(bench, { daemon, directory }, (pid) =>
        measureIdle(bench, { daemon, values, pid }),
      )
      return [
        {
          scenario: 'analytics',
          figures: [...asked, ...rates, ...latency.figures, ...idle],
          latencies: latency.latencies,
          settings: { ...values, seconds: bench.seconds },
          notes: [
            `Rates are medians of the rounds, with clicks of ${Math.round(bytes / values.records)} bytes. Those of questions count from the question to the end of its answer, with the sample by which columns are found; those of queries from their creation until the last result is read.`,
            'Each of the sliding windows counts a click five times.',
          ],
        },
      ]
    } finally {
      await daemon.stop()
    }
  },
})

async function measureQuestions(
  bench: Bench,
  { url }: RunningDaemon,
  {
    values,
    directory,
    clicks,
  }: { readonly values: Values; readonly directory: string; readonly clicks: number },
): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const [kind, { name, sql }] of Object.entries(questions)) {
    const rates: number[] = []
    const costs: number[] = []
    for (let round = 1; round <= values.rounds; round++) {
      bench.say(`${name}, round ${round}`)
      const { seconds, processorSeconds } = await bench.load('sqlScan', { url, sql, directory }).result
      rates.push(clicks / seconds)
      costs.push((1e6 * processorSeconds) / clicks)
    }
    const bar = kind === 'pruned' ? { bar: bars.analyticsScan } : {}
    figures.push({ name, value: medianOf(rates), unit: 'records/s', ...bar })
    figures.push({ name: `${name}: processor time of 1,000,000`, value: medianOf(costs), unit: 's' })
  }
  return figures
}

/** Does work with an app of its own. */
export async function withApp<T>(
  bench: Bench,
  { daemon, directory }: { readonly daemon: RunningDaemon; readonly directory: string },
  work: (pid: number) => Promise<T>,
): Promise<T> {
  const options = { memory: 2 ** 30, threads: 1, spoolDir: directory }
  const app = bench.load('app', { app: 'analytics', url: daemon.url, options })
  try {
    return await work((await app.ready)!)
  } finally {
    app.stop()
    await Promise.allSettled([app.result])
  }
}

async function measureQueries(bench: Bench, { daemon, pid, values }: Serving): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const kind of ['tumbling', 'sliding'] as const) {
    const { name, times, from, value } = continuous[kind]
    const rates: number[] = []
    const costs: number[] = []
    for (let round = 1; round <= values.rounds; round++) {
      bench.say(`${name}, round ${round}`)
      const target = `${kind}-${round}`
      const before = await processorSecondsOf(pid)
      const { seconds } = await bench.load('queryDrain', {
        url: daemon.url,
        name: target,
        stream: STREAM,
        target,
        sql: `INSERT INTO "${target}" SELECT window_start, page, ${value} FROM ${from} GROUP BY window_start, window_end, page`,
        expected: times * values.records,
      }).result
      rates.push(values.records / seconds)
      costs.push((1e6 * ((await processorSecondsOf(pid)) - before)) / values.records)
    }
    figures.push({ name, value: medianOf(rates), unit: 'records/s', bar: continuousBars[kind] })
    figures.push({ name: `${name}: processor time of 1,000,000`, value: medianOf(costs), unit: 's' })
  }
  return figures
}

async function measureLatency(
  bench: Bench,
  { daemon, values }: Serving,
): Promise<Pick<Part, 'figures' | 'latencies'>> {
  const { rate: perSecond, shards } = values
  await using client = await connect(daemon.url)
  await client.createStream('timed', { shards })
  bench.say(`end of a window to its results at ${perSecond} clicks a second`)
  const timed = {
    url: daemon.url,
    stream: 'timed',
    target: 'timed_results',
    perSecond,
    seconds: bench.seconds,
  }
  const summary = mergeLatencies([await bench.load('queryLatency', timed).result])
  return {
    figures: [
      { name: `end of a window to its results, p50, ${perSecond}/s`, value: summary.p50Ms, unit: 'ms' },
      { name: 'the same, p99', value: summary.p99Ms, unit: 'ms', bar: bars.analyticsLatency },
    ],
    latencies: [{ name: 'end of a window to its results', summary }],
  }
}

async function measureIdle(bench: Bench, { daemon, values, pid }: Serving): Promise<readonly Figure[]> {
  const { queries, shards } = values
  await using client = await connect(daemon.url)
  await client.createStream('quiet', { shards })
  bench.say(`${queries} queries without rows`)
  const idle = { url: daemon.url, stream: 'quiet', target: 'quiet_results', queries }
  const load = bench.load('idleQueries', idle)
  await load.ready
  await delay(SETTLE_MS)
  const percent = await processorPercentOf(pid, bench.seconds)
  const memory = await residentMegabytesOf([pid])
  load.stop()
  await load.result
  return [
    { name: `${queries} idle queries, of one core`, value: percent, unit: '%', bar: bars.analyticsIdle },
    {
      name: `${queries} idle queries, memory of the app`,
      value: memory,
      unit: 'MB',
      bar: bars.analyticsIdleMemory,
    },
  ]
}
