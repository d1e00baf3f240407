// Scenario: two continuous queries over the same clicks by the app analytics and by Flink SQL in a mini cluster, in turns. Millrace reads them from a
// broker, and stores results in it, flushed; Flink reads and writes files.
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { continuous, withApp } from '../analytics/scenario.ts'
import { connect } from '../harness/connect.ts'
import type { RunningDaemon } from '../harness/daemon.ts'
import { processesOf, residentMegabytesOf } from '../harness/memory.ts'
import { processorSecondsOf } from '../harness/processor-time.ts'
import { click, clickColumns } from '../load/analytics/clicks.ts'
import type { Figure } from '../report/figure.ts'
import { scenario, type Bench, type ValuesOf } from '../scenario.ts'
import { buildFlink, Flink, flinkTable, hasJava, streaming, type FlinkQuestion } from './flink.ts'
import { Side, type Run } from './side.ts'

const settings = {
  records: { default: 2_000_000, doc: 'clicks of about 185 bytes that are counted' },
  shards: { default: 4, doc: 'shards of the stream' },
  rounds: { default: 3, doc: 'measurements of each, in turns, when it is warm' },
  parallelism: { default: 2, doc: "Flink's tasks of each kind; as many files hold the clicks" },
  heapMebibytes: { default: 1024, doc: 'heap of Flink' },
} as const

type Values = ValuesOf<typeof settings>
type Kind = keyof typeof continuous

const STREAM = 'clicks'
/** As a query has it by default. */
const OUT_OF_ORDER_MS = 5000
const LINES_A_WRITE = 1000

export const flinkScenario = scenario({
  name: 'flink',
  doc: "continuous queries beside Flink SQL's mini cluster, which Maven fetches; without Java and Maven there are no figures",
  settings,
  examples: ['', '--records 200k --rounds 1'],
  async run(bench, values) {
    if (!hasJava())
      return [reportOf(values, [], ['This machine has no Java, or no Maven: Flink was not measured.'])]
    bench.say(`${values.records.toLocaleString('en-US')} clicks`)
    const clicks = join(bench.directory, 'clicks')
    await writeClicks(clicks, values)
    const daemon = await bench.startDaemon({ isSecure: false })
    const spool = join(bench.directory, 'spool')
    await mkdir(spool)
    {
      await using client = await connect(daemon.url)
      await client.createStream(STREAM, { shards: values.shards })
    }
    await bench.load('fillClicks', { url: daemon.url, stream: STREAM, clicks: values.records }).result
    const source = fileURLToPath(new URL('../../../bench/flink/java', import.meta.url))
    bench.say('Maven fetches Flink')
    const classPath = await buildFlink(source, join(bench.directory, 'java'))
    const figures: Figure[] = []
    for (const kind of ['tumbling', 'sliding'] as const) {
      const millrace = new Side(`${continuous[kind].name}, Millrace`, values.records)
      const flink = new Side(`${continuous[kind].name}, Flink`, values.records)
      bench.say(`${continuous[kind].name}: both from their start`)
      await millrace.start(() =>
        withMillrace(bench, { daemon, spool, values }, (ask) => ask(kind, `${kind}-start`)),
      )
      await flink.start(() => withFlink(bench, { classPath, clicks, values }, (ask) => ask(kind)))
      await withMillrace(bench, { daemon, spool, values }, (ours) =>
        withFlink(bench, { classPath, clicks, values }, async (theirs) => {
          // The first of each is not counted.
          for (let round = 0; round <= values.rounds; round++) {
            bench.say(`${continuous[kind].name}, round ${round}`)
            const runs = [await ours(kind, `${kind}-${round}`), await theirs(kind)] as const
            if (round === 0) continue
            millrace.take(runs[0])
            flink.take(runs[1])
          }
        }),
      )
      figures.push(...millrace.figures(), ...flink.figures(), {
        name: `${continuous[kind].name}: Millrace, of Flink`,
        value: millrace.workRate / flink.workRate,
        unit: 'x',
      })
    }
    await daemon.stop()
    return [
      reportOf(values, figures, [
        'Rates are medians of the rounds, when both are warm; those of Flink are of its job alone, since each query has a cluster of its own here. Those from the start count the start of the app, or of Java, and the first query. The process that reads the results of Millrace is not counted.',
        'Millrace reads records from a broker over TCP, and stores results flushed and exactly once; Flink reads files and writes files, without checkpoints.',
      ]),
    ]
  },
})

function reportOf(values: Values, figures: readonly Figure[], notes: readonly string[]) {
  return { scenario: 'flink', figures, latencies: [], settings: { ...values }, notes }
}

/** Lines in turns, so that times rise evenly in each file. */
async function writeClicks(directory: string, { records, parallelism }: Values): Promise<void> {
  await mkdir(directory)
  for (let file = 0; file < parallelism; file++) {
    async function* lines(): AsyncGenerator<string> {
      let some: string[] = []
      for (let number = file; number < records; number += parallelism) {
        some.push(`${click(number).data.toString()}\n`)
        if (some.length < LINES_A_WRITE) continue
        yield some.join('')
        some = []
      }
      yield some.join('')
    }
    await pipeline(lines, createWriteStream(join(directory, `${file}.json`)))
  }
}

/** Does work, and measures what processes spend on it. */
async function spending<T>(
  processes: Readonly<Record<string, readonly number[]>>,
  work: () => Promise<T>,
): Promise<{ readonly done: T; readonly spent: Run['spent'] }> {
  const before = await Promise.all(Object.values(processes).map(processorSecondsOfAll))
  const done = await work()
  const spent = await Promise.all(
    Object.entries(processes).map(async ([of, pids], at) => ({
      of,
      processorSeconds: (await processorSecondsOfAll(pids)) - before[at]!,
      megabytes: await residentMegabytesOf(pids),
    })),
  )
  return { done, spent }
}

async function processorSecondsOfAll(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(pids.map(processorSecondsOf))
  return each.reduce((sum, seconds) => sum + seconds, 0)
}

interface MillraceParts {
  readonly daemon: RunningDaemon
  readonly spool: string
  readonly values: Values
}

/** Does work with an app of its own; what it is given asks a query by a name of its own. */
async function withMillrace<T>(
  bench: Bench,
  { daemon, spool, values }: MillraceParts,
  work: (ask: (kind: Kind, name: string) => Promise<Run>) => Promise<T>,
): Promise<T> {
  return withApp(bench, { daemon, directory: spool }, async (pid) => {
    const processes = { app: [pid], 'app and broker': [pid, ...(await processesOf(daemon))] }
    return work(async (kind, name) => {
      const { times, from, value } = continuous[kind]
      const query = {
        url: daemon.url,
        name,
        stream: STREAM,
        target: name,
        sql: `INSERT INTO "${name}" SELECT window_start, page, ${value} FROM ${from} GROUP BY window_start, window_end, page`,
        expected: times * values.records,
      }
      const { done, spent } = await spending(processes, () => bench.load('queryDrain', query).result)
      return { seconds: done.seconds, spent }
    })
  })
}

interface FlinkParts {
  readonly classPath: string
  readonly clicks: string
  readonly values: Values
}

async function withFlink<T>(
  bench: Bench,
  { classPath, clicks, values }: FlinkParts,
  work: (ask: (kind: Kind) => Promise<Run>) => Promise<T>,
): Promise<T> {
  await using flink = Flink.start(classPath, values.heapMebibytes)
  const results = join(bench.directory, 'results')
  return await work(async (kind) => {
    const question = questionOf(kind, { clicks, results, values })
    const { done, spent } = await spending({ Java: [flink.pid] }, () => flink.ask(question))
    await expectAll(results, continuous[kind].times * values.records)
    const { seconds, jobSeconds = seconds } = done
    return { seconds, jobSeconds, spent }
  })
}

function questionOf(
  kind: Kind,
  { clicks, results, values }: { readonly clicks: string; readonly results: string; readonly values: Values },
): FlinkQuestion {
  const { from, value } = continuous[kind]
  // AVG of integers is an integer there.
  const values_ = value.replace('avg(ms)', 'AVG(CAST(ms AS DOUBLE))')
  const mean = kind === 'sliding' ? ', ms DOUBLE' : ''
  return {
    options: streaming(values.parallelism),
    setup: [
      flinkTable(STREAM, { columns: clickColumns, path: clicks, outOfOrderMs: OUT_OF_ORDER_MS }),
      `CREATE TABLE results (window_start TIMESTAMP(3), page STRING, n BIGINT${mean}) WITH ('connector' = 'filesystem', 'path' = '${results}', 'format' = 'json')`,
    ],
    sql: `INSERT INTO results SELECT window_start, page, ${values_} FROM TABLE(${from}) GROUP BY window_start, window_end, page`,
  }
}

/** Rejects where the results in files do not stand for as many rows; removes them. */
async function expectAll(directory: string, expected: number): Promise<void> {
  let rows = 0
  for (const file of await readdir(directory)) {
    const lines = (await readFile(join(directory, file), 'utf8')).trimEnd().split('\n')
    for (const line of lines) rows += line === '' ? 0 : (JSON.parse(line) as { n: number }).n
  }
  await rm(directory, { recursive: true })
  if (rows !== expected)
    throw new Error(`Results of Flink stand for ${rows} rows, and there are ${expected}.`)
}
