// Scenario: lines of a file become records of a stream, by the agent, against a plain Node program that reads lines and pushes them, in the same
// run; and how much the agent adds to the time that a record takes to its reader.
import { mkdir, open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bars } from '../bars.ts'
import { connect } from '../harness/connect.ts'
import { mergeLatencies } from '../harness/latency.ts'
import { medianOf } from '../harness/median.ts'
import type { RunningDaemon } from '../harness/daemon.ts'
import type { FileResult } from '../load/agent/files.ts'
import { scenario, type Bench, type ValuesOf } from '../scenario.ts'

const settings = {
  lines: { default: 3_000_000, doc: 'lines of the file' },
  lineBytes: { default: 100, doc: 'bytes of a line, its line feed included' },
  shards: { default: 4, doc: 'shards of the stream' },
  rounds: { default: 3, doc: 'measurements of each, in turns' },
  rate: { default: 1000, doc: 'lines a second that are timed' },
} as const

type Values = ValuesOf<typeof settings>

const LINES_A_WRITE = 10_000

export const agentScenario = scenario({
  name: 'agent',
  doc: 'lines of a file into a stream, each once, by the agent, against a plain Node program that pushes them',
  settings,
  examples: ['', '--lines 10000000', '--line-bytes 1Ki --rounds 1'],
  async run(bench, values) {
    const daemon = await bench.startDaemon()
    try {
      const { agent, plain } = await measureFiles(bench, daemon, values)
      const { tailed, direct } = await measureLatency(bench, daemon, values)
      return [
        {
          scenario: 'agent',
          figures: [
            { name: `lines of ${values.lineBytes} B`, value: agent, unit: 'records/s', bar: bars.agentLines },
            { name: 'the same by a plain Node program, without positions', value: plain, unit: 'records/s' },
            { name: 'agent against plain program', value: agent / plain, unit: 'x' },
            { name: `line to reader, p50, ${values.rate}/s`, value: tailed.p50Ms, unit: 'ms' },
            {
              name: 'of it by the agent',
              value: tailed.p50Ms - direct.p50Ms,
              unit: 'ms',
              bar: bars.agentLatency,
            },
          ],
          latencies: [
            { name: 'line to reader, through the agent', summary: tailed },
            { name: 'record to reader, by a producer', summary: direct },
          ],
          settings: { ...values, seconds: bench.seconds },
          notes: [
            'Rates are medians of the rounds. The agent makes its journal durable before each buffer is sent; the plain program keeps nothing.',
          ],
        },
      ]
    } finally {
      await daemon.stop()
    }
  },
})

async function measureFiles(bench: Bench, daemon: RunningDaemon, values: Values) {
  const directory = join(bench.directory, 'agent-files')
  await mkdir(directory)
  const file = join(directory, 'lines.log')
  await writeLines(file, values)
  await using client = await connect(daemon.url)
  const rates: Record<'agentOnce' | 'plainTail', number[]> = { agentOnce: [], plainTail: [] }
  for (let round = 1; round <= values.rounds; round++) {
    for (const job of ['agentOnce', 'plainTail'] as const) {
      bench.say(`${job}, round ${round}`)
      const stream = `${job}-${round}`
      await client.createStream(stream, { shards: values.shards })
      const config = join(directory, `${stream}.json`)
      const flow = { filePattern: file, kinesisStream: stream }
      await writeFile(config, JSON.stringify({ checkpointFile: join(directory, stream), flows: [flow] }))
      const load = bench.load(job, { url: daemon.url, config, file, stream })
      const result: FileResult = await load.result
      if (result.lines !== values.lines)
        throw new Error(`${job} sent ${result.lines} of ${values.lines} lines`)
      rates[job].push(result.linesPerSecond)
      await client.deleteStream(stream)
    }
  }
  await rm(directory, { recursive: true, force: true })
  return { agent: medianOf(rates.agentOnce), plain: medianOf(rates.plainTail) }
}

async function measureLatency(
  bench: Bench,
  daemon: RunningDaemon,
  { rate: perSecond, lineBytes, shards }: Values,
) {
  const directory = join(bench.directory, 'agent-latency')
  await mkdir(directory)
  const file = join(directory, 'lines.log')
  const config = join(directory, 'agent.json')
  await writeFile(file, '')
  const flow = {
    filePattern: file,
    kinesisStream: 'tailed',
    maxBufferAgeMillis: 0,
    minTimeBetweenFilePollsMillis: 5,
  }
  await writeFile(config, JSON.stringify({ flows: [flow] }))
  await using client = await connect(daemon.url)
  for (const stream of ['tailed', 'direct']) await client.createStream(stream, { shards })
  const { seconds, warmUpSeconds } = bench
  const common = { url: daemon.url, perSecond, seconds, warmUpSeconds }
  bench.say('line to reader, through the agent')
  const tailed = await bench.load('agentLatency', { ...common, config, file, stream: 'tailed', lineBytes })
    .result
  bench.say('record to reader, by a producer')
  const direct = await bench.load('latency', { ...common, stream: 'direct', recordBytes: lineBytes }).result
  await rm(directory, { recursive: true, force: true })
  return { tailed: mergeLatencies([tailed.pushed]), direct: mergeLatencies([direct.pushed]) }
}

async function writeLines(file: string, { lines, lineBytes }: Values): Promise<void> {
  const out = await open(file, 'w')
  for (let at = 0; at < lines; at += LINES_A_WRITE) {
    const count = Math.min(LINES_A_WRITE, lines - at)
    const text = Array.from({ length: count }, (_, index) => `line ${at + index} `.padEnd(lineBytes - 1, 'x'))
    await out.write(`${text.join('\n')}\n`)
  }
  await out.close()
}
