// `millrace bench`: a load test against a running broker, or any Kinesis endpoint, whose thresholds decide the exit code.
import { InvalidArgumentError, Option, Command } from 'commander'
import { randomBytes, randomInt } from 'node:crypto'
import { endSentence } from '../../client/errors.ts'
import { kinds } from '../../broker/config/kinds.ts'
import { visible } from '../../protocol/text/visible-text.ts'
import { duration, wholeNumber } from '../arguments.ts'
import { connector } from '../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { Failure } from '../failure.ts'
import { jsonOption, withExamples } from '../help.ts'
import type { LoadDriver } from '../load-test/drivers/driver.ts'
import { loadKinesisModule } from '../load-test/drivers/kinesis-module.ts'
import { millraceDriver } from '../load-test/drivers/millrace-driver.ts'
import { startLiveLine, type LiveLine } from '../load-test/live-line.ts'
import { LANES_MAX, type LoadPlan, type LoadRate } from '../load-test/load-plan.ts'
import { brokenPromises, loadIntent, loadReport, loadReportJson } from '../load-test/load-report.ts'
import type { LoadResult } from '../load-test/measuring/load-result.ts'
import { evenArrivals } from '../load-test/pacing/arrivals.ts'
import { parseKeys, type KeySpace } from '../load-test/records/key-space.ts'
import { parseSizes, type RecordSizes } from '../load-test/records/record-sizes.ts'
import { runLoad } from '../load-test/run-load.ts'
import { judge, parseThreshold, thresholdHelp, unmeasured, type Threshold } from '../load-test/thresholds.ts'
import { formatCount, formatDuration } from '../output/amounts.ts'
import { print, printJson, tell, type Terminal } from '../terminal.ts'
import { awsFailure } from './aws/migration-module.ts'

interface BenchFlags extends ConnectionFlags {
  readonly stream?: string
  readonly shards?: number
  readonly rate?: number | 'max'
  readonly ramp?: { readonly from: number; readonly to: number }
  readonly size: RecordSizes
  readonly keys: KeySpace
  readonly seed?: number
  readonly producers: number
  readonly compression: 'none' | 'gzip' | 'zstd'
  readonly consumers: number
  readonly push?: true
  readonly groups: number
  readonly members: number
  readonly duration: number
  readonly warmUp: number
  readonly drain: number
  readonly expect: readonly Threshold[]
  readonly driver: 'millrace' | 'kinesis'
  readonly endpoint?: string
  readonly region?: string
  readonly awsProfile?: string
  readonly poll: number
  readonly quiet?: true
  readonly json?: true
}

const defaults = { rate: 1000, size: '100', keys: 'uniform:1000', durationMs: 10_000, warmUpMs: 2000 }
const DRAIN_MS_DEFAULT = 30_000
/** Longest wait for the last records, and longest load. */
const TIME_MS_MAX = 7 * 86_400_000
const RATE_MAX = 10_000_000
/** Producers, consumers, groups and members: each may have connections of its own. */
const PARTIES_MAX = 256
/**
 * Records without an answer, of one producer of a closed loop, which waits from half of it on: enough to fill batches. More of them
 * cost the process that loads more than they bring, and only lengthen the wait.
 */
const CLOSED_LOOP_RECORDS_MAX = 8192
/** As often as Kinesis lets a shard be asked. */
const POLL_MS_DEFAULT = 200

export function benchVerb(terminal: Terminal): Command {
  const command = new Command('bench')
    .description(
      'Load a broker, or any Kinesis endpoint, and measure it: records are sent at a rate that the broker cannot slow down, and ' +
        'latencies count from when each was to be sent. Every reader checks what it reads: nothing lost, nothing twice, each key ' +
        'in order. A stream is made for it and deleted at the end. Ctrl-C ends it early, with what there is.',
    )
    .option('--stream <stream>', 'load this stream, which is there and stays; the records stay in it too')
    .option('--shards <count>', 'shards of the stream that is made; 1 by default', upTo(1, 100_000))
    .addOption(
      new Option(
        '--rate <records>',
        `records a second, ${formatCount(defaults.rate)} by default; or max: as fast as there is room`,
      ).argParser(rateOf),
    )
    .addOption(
      new Option('--ramp <from..to>', 'let the rate go evenly from one to the other over the duration')
        .argParser(rampOf)
        .conflicts('rate'),
    )
    .addOption(
      new Option('--size <bytes>', 'of a record, or a range in which sizes are spread: 100..2000')
        .argParser(parseSizes)
        .default(parseSizes(defaults.size), defaults.size),
    )
    .addOption(
      new Option('--keys <distribution>', 'uniform:N, zipf:N, zipf:N:s with an exponent s, or single')
        .argParser(parseKeys)
        .default(parseKeys(defaults.keys), defaults.keys),
    )
    .option('--seed <n>', 'the same keys and sizes in the same order; random by default', wholeNumber(0))
    .option('--producers <count>', 'send in turns, each by connections of its own', upTo(1), 1)
    .addOption(
      new Option('--compression <codec>', 'of batches').choices(['none', 'gzip', 'zstd']).default('none'),
    )
    .option('--consumers <count>', 'each reads and checks all records', upTo(0), 1)
    .option('--push', 'let the broker push records to consumers and members')
    .option('--groups <count>', 'each processes and checks all records', upTo(0), 0)
    .option('--members <count>', 'of each group, which share its shards', upTo(1), 1)
    .addOption(timeOption('--duration <duration>', 'the measured time', defaults.durationMs, 1000))
    .addOption(
      timeOption('--warm-up <duration>', 'sent before it, checked but not measured', defaults.warmUpMs),
    )
    .addOption(
      timeOption(
        '--drain <duration>',
        'how long the last records may take to be stored and read',
        DRAIN_MS_DEFAULT,
      ),
    )
    .addOption(
      new Option('--expect <threshold>', `fail unless it holds; may be repeated. Figures: ${thresholdHelp}`)
        .argParser((text: string, before: readonly Threshold[]) => [...before, parseThreshold(text)])
        .default([], 'none'),
    )
    .option('--quiet', 'no progress, only the result')
    .addOption(jsonOption())
    .action((flags: BenchFlags) => bench(flags, terminal))
  return withExamples(withConnection(withKinesis(command)), [
    { line: 'millrace bench --rate 5000 --duration 30s', says: 'a stream of its own, one consumer' },
    {
      line: "millrace bench --rate 5000 --expect 'ack.p99<20ms' --expect 'rate>=99%' --expect errors=0",
      says: 'in CI: exit code 9, and a sentence for each that does not hold',
    },
    {
      line: 'millrace bench --ramp 1000..50000 --duration 2m --shards 4 --keys zipf:10000:1.1',
      says: 'where it bends: a table of ten steps',
    },
    { line: 'millrace bench --rate max --size 1KiB --producers 4 --consumers 0', says: 'only appends' },
    {
      line: 'millrace bench --driver kinesis --endpoint http://127.0.0.1:4567 --rate 500',
      says: 'the same, by the Kinesis API',
    },
  ])
}

function withKinesis(command: Command): Command {
  const heading = 'Options of the driver:'
  const options = [
    new Option('--driver <driver>', 'millrace, or kinesis for any endpoint that speaks its API')
      .choices(['millrace', 'kinesis'])
      .default('millrace'),
    new Option('--endpoint <url>', 'where Kinesis is; by default AWS, in the region'),
    new Option('--region <region>', 'as signed for; by default that of the environment and files of AWS'),
    new Option(
      '--aws-profile <name>',
      'a profile of the files of AWS; credentials are found as AWS finds them',
    ),
    timeOption('--poll <duration>', 'between two GetRecords of a shard', POLL_MS_DEFAULT),
  ]
  for (const option of options) command.addOption(option.helpGroup(heading))
  return command
}

async function bench(flags: BenchFlags, terminal: Terminal): Promise<void> {
  const plan = planOf(flags)
  const isSilent = flags.quiet === true || flags.json === true
  const say = (line: string) => {
    if (flags.quiet !== true) tell(terminal, line)
  }
  const interrupted = terminal.interrupted()
  const driver = await openDriver(flags, terminal)
  let live: LiveLine | undefined
  let result: LoadResult
  try {
    result = await runLoad(plan, driver, {
      interrupted,
      onStart(shards) {
        if (plan.newShards === undefined) say(`millrace: The records stay in the stream ${plan.stream}.`)
        if (!isSilent) say(`${loadIntent(plan, shards)}\n`)
        live = startLiveLine(terminal, plan, isSilent)
        interrupted.addEventListener('abort', () => {
          if (!isSilent) live?.say(interruptedNotice(plan))
        })
      },
      onMoment: (moment, phase, elapsedMs) => live?.show(moment, phase, elapsedMs),
      onLeft: (what, error) =>
        say(`millrace: ${what} is left, for it could not be deleted: ${sentenceOf(error)}`),
    })
  } catch (error) {
    throw failureOf(error, flags)
  } finally {
    live?.stop()
    await driver.close()
  }
  conclude(plan, result, flags, terminal)
}

/** Prints the result, and throws Failure where it is not what it should be. */
function conclude(plan: LoadPlan, result: LoadResult, flags: BenchFlags, terminal: Terminal): void {
  const verdicts = flags.expect.map((threshold) => judge(threshold, result, plan))
  if (flags.json === true) printJson(terminal, loadReportJson(plan, result, verdicts))
  else print(terminal, loadReport(plan, result, verdicts))
  const broken = brokenPromises(result)
  const unmet = verdicts.filter(({ holds }) => !holds).map(({ sentence }) => sentence)
  for (const sentence of [...broken, ...unmet]) tell(terminal, `millrace: ${sentence}`)
  if (result.failure !== undefined) throw failureOf(result.failure, flags)
  if (result.isInterrupted) throw new Failure('', 'interrupted')
  if (broken.length + unmet.length > 0) throw new Failure('', 'unmet')
}

/** Throws Failure (usage) for options that do not go together. */
function planOf(flags: BenchFlags): LoadPlan {
  const { stream, shards, keys, producers, consumers, groups, members, expect } = flags
  const refuse = (message: string): never => {
    throw new Failure(message, 'usage')
  }
  if (stream !== undefined && shards !== undefined) {
    refuse('--shards is for the stream that is made; the one of --stream has its own.')
  }
  if (keys.count * producers > LANES_MAX) {
    refuse(
      `The keys times the producers are ${formatCount(keys.count * producers)}: ${formatCount(LANES_MAX)} at most.`,
    )
  }
  if (consumers + groups * members > PARTIES_MAX) {
    refuse(
      `Consumers and members of groups are ${consumers + groups * members} together: ${PARTIES_MAX} at most.`,
    )
  }
  if (flags.driver === 'kinesis') {
    if (groups > 0) refuse('Kinesis has no groups: --groups needs --driver millrace.')
    if (flags.push === true) refuse('--push needs --driver millrace: by the Kinesis API, shards are polled.')
    if (flags.compression !== 'none')
      refuse('Kinesis has no compression: --compression needs --driver millrace.')
  } else if (flags.endpoint !== undefined) {
    refuse('--endpoint is that of --driver kinesis; a broker of Millrace is named by --url.')
  }
  const plan: LoadPlan = {
    stream: stream ?? `bench-${randomBytes(4).toString('hex')}`,
    newShards: stream === undefined ? (shards ?? 1) : undefined,
    rate: rateFrom(flags),
    sizes: flags.size,
    keys,
    producers,
    consumers,
    groups,
    members,
    durationMs: flags.duration,
    warmUpMs: flags.warmUp,
    drainMs: flags.drain,
    seed: flags.seed ?? randomInt(2 ** 32),
  }
  for (const threshold of expect) {
    const missing = unmeasured(threshold, plan)
    if (missing !== undefined) refuse(`--expect '${threshold.text}': ${missing}`)
  }
  return plan
}

function rateFrom({ rate, ramp, warmUp, duration: rampMs }: BenchFlags): LoadRate {
  if (rate === 'max') return rate
  if (ramp === undefined) {
    const perSecond = rate ?? defaults.rate
    return { arrivals: evenArrivals(perSecond), text: `${formatCount(perSecond)}/s` }
  }
  const text = `${formatCount(ramp.from)}/s to ${formatCount(ramp.to)}/s`
  return { arrivals: { ...ramp, steadyMs: warmUp, rampMs }, text }
}

async function openDriver(flags: BenchFlags, terminal: Terminal): Promise<LoadDriver> {
  if (flags.driver === 'kinesis') {
    const { endpoint, region, awsProfile, poll } = flags
    const { openKinesisLoad } = await loadKinesisModule()
    return openKinesisLoad({ endpoint, region, profile: awsProfile, pollMs: poll })
  }
  const connect = await connector(terminal, flags, { tellsTroubles: flags.quiet !== true })
  const control = await connect()
  return millraceDriver({
    connect,
    control,
    isPushed: flags.push === true,
    producer: {
      compression: flags.compression,
      ...(flags.rate === 'max' ? { bufferRecordsMax: CLOSED_LOOP_RECORDS_MAX } : {}),
    },
  })
}

function rateOf(text: string): number | 'max' {
  if (text === 'max') return text
  const rate = perSecondOf(text)
  if (rate !== undefined) return rate
  throw new InvalidArgumentError(`Expected records a second, 1 to ${formatCount(RATE_MAX)}, or max.`)
}

function rampOf(text: string): { from: number; to: number } {
  const [from, to, ...rest] = text.split('..').map(perSecondOf)
  if (from !== undefined && to !== undefined && rest.length === 0) return { from, to }
  throw new InvalidArgumentError(
    `Expected two rates such as 1000..50000, each of 1 to ${formatCount(RATE_MAX)} records a second.`,
  )
}

function perSecondOf(text: string): number | undefined {
  const rate = /^\d+$/.test(text) ? Number(text) : NaN
  return rate >= 1 && rate <= RATE_MAX ? rate : undefined
}

function upTo(min: number, max = PARTIES_MAX): (text: string) => number {
  return (text) => {
    const value = wholeNumber(min)(text)
    if (value <= max) return value
    throw new InvalidArgumentError(`Expected ${formatCount(max)} at most.`)
  }
}

function timeOption(flag: string, doc: string, defaultMs: number, min = 0): Option {
  const parse = (text: string): number => {
    const value = duration(text)
    if (value >= min && value <= TIME_MS_MAX) return value
    const [least, most] = [min, TIME_MS_MAX].map((ms) => kinds.duration.format(ms))
    throw new InvalidArgumentError(`Expected a duration from ${least} to ${most}.`)
  }
  return new Option(flag, doc).argParser(parse).default(defaultMs, kinds.duration.format(defaultMs))
}

function interruptedNotice({ drainMs, newShards }: LoadPlan): string {
  const left = newShards === undefined ? '' : ', and leave the stream'
  return (
    `Interrupted: waiting ${formatDuration(drainMs)} at most for the last records. ` +
    `Interrupt again to end at once${left}.`
  )
}

/** The broker's failures stay as they are; those of a Kinesis endpoint become sentences. */
function failureOf(error: unknown, { driver, endpoint = 'AWS' }: BenchFlags): unknown {
  if (driver === 'millrace') return error
  const { code } = error as { readonly code?: unknown }
  const isNetwork = error instanceof Error && typeof code === 'string' && /^E[A-Z_]+$/.test(code)
  return isNetwork
    ? new Failure(`No Kinesis answers at ${endpoint}: ${code}.`, 'unreachable')
    : awsFailure(error)
}

function sentenceOf(error: unknown): string {
  return endSentence(visible(error instanceof Error ? error.message : String(error)))
}
