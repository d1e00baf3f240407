// Scenario: one producer and many registered consumers, each of which gets all records, pushed from one read of the host's memory;
// what that costs the broker for each byte, and how long a record takes.
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '../../client/index.ts'
import { connect } from '../harness/connect.ts'
import { bars } from '../bars.ts'
import { mergeLatencies } from '../harness/latency.ts'
import { processorSecondsOf } from '../harness/processor-time.ts'
import { measureLoopback } from '../limits/limits.ts'
import { type Figure, type LatencyCurve, ratioTo } from '../report/figure.ts'
import type { Bench } from '../scenario.ts'
import { scenario } from '../scenario.ts'

const SETTLE_MS = 500
/** The number of subscribers for which the bars were set. */
const BARRED_SUBSCRIBERS = 20

export const fanoutScenario = scenario({
  name: 'fanout',
  doc: 'one producer at an even rate, many subscribers that each get everything',
  settings: {
    subscribers: { default: [1, 20], doc: 'registered consumers, each with its own connection' },
    rate: { default: 5000, doc: 'records a second' },
    recordBytes: { default: 1024, doc: 'data of each record' },
    shards: { default: 4, doc: 'shards of the stream' },
  },
  examples: ['', '--subscribers 100 --rate 1k'],
  async run(bench, values) {
    const loopback = await measureLoopback(bench)
    const figures: Figure[] = []
    const latencies: LatencyCurve[] = []
    let one: Measured | undefined
    for (const subscribers of values.subscribers) {
      bench.say(`pushing to ${subscribers} subscribers`)
      const measured = await fanOut(bench, { ...values, subscribers })
      const { delivered, sent, latency } = measured
      const perSecond = delivered / (bench.warmUpSeconds + bench.seconds)
      const megabytes = (perSecond * values.recordBytes) / 1e6
      const name = `${subscribers} subscribers`
      figures.push(
        { name: `${name}, delivered`, value: perSecond, unit: 'records/s' },
        {
          name: `${name}, delivered`,
          value: megabytes,
          unit: 'MB/s',
          ratios: [ratioTo('loopback TCP', megabytes, loopback)],
        },
        {
          name: `${name}, delivered of what was sent`,
          value: (100 * delivered) / (sent * subscribers),
          unit: '%',
        },
      )
      figures.push(
        { name: `${name}, processor time of the broker`, value: measured.processorSeconds, unit: 's' },
        { name: `${name}, push p99`, value: latency.p99Ms, unit: 'ms' },
      )
      if (subscribers === 1) one = measured
      else if (one !== undefined) figures.push(...comparedWithOne(name, measured, one))
      latencies.push({ name: `push to ${name}`, summary: latency })
    }
    return [
      { scenario: 'fanout', figures, latencies, settings: { ...values, seconds: bench.seconds }, notes: [] },
    ]
  },
})

interface Measured {
  readonly sent: number
  /** Records, all subscribers together. */
  readonly delivered: number
  readonly latency: LatencyCurve['summary']
  /** Of controller and hosts, appends included. */
  readonly processorSeconds: number
}

/** What many subscribers cost, in terms of what one costs; the bars are for twenty. */
function comparedWithOne(name: string, many: Measured, one: Measured): Figure[] {
  const costOf = ({ processorSeconds, delivered }: Measured): number => processorSeconds / delivered
  const isBarred = name.startsWith(`${BARRED_SUBSCRIBERS} `)
  return [
    {
      name: `${name}, processor time a byte, of that for one`,
      value: costOf(many) / costOf(one),
      unit: 'x',
      ...(isBarred ? { bar: bars.fanOutCost } : {}),
    },
    {
      name: `${name}, processor time, of that for one`,
      value: many.processorSeconds / one.processorSeconds,
      unit: 'x',
    },
    {
      name: `${name}, push p99, of that for one`,
      value: many.latency.p99Ms / one.latency.p99Ms,
      unit: 'x',
      ...(isBarred ? { bar: bars.fanOutP99 } : {}),
    },
  ]
}

/** Processor time of the controller and of all hosts. */
async function processorSeconds(client: Client, controllerPid: number): Promise<number> {
  const { hosts } = await client.describeBroker()
  const pids = [controllerPid, ...hosts.flatMap(({ pid }) => pid ?? [])]
  const seconds = await Promise.all(pids.map(processorSecondsOf))
  return seconds.reduce((sum, each) => sum + each, 0)
}

/** Measures with a new broker. */
export async function fanOut(
  bench: Bench,
  point: {
    readonly subscribers: number
    readonly rate: number
    readonly recordBytes: number
    readonly shards: number
  },
): Promise<Measured> {
  const daemon = await bench.startDaemon()
  await using client = await connect(daemon.url)
  await client.createStream('bench', { shards: point.shards })
  const { url } = daemon
  const { recordBytes, rate: perSecond, subscribers } = point
  const consumers = Array.from({ length: subscribers }, (_, index) => `consumer-${index}`)
  for (const consumer of consumers) await client.registerConsumer('bench', consumer)
  const { seconds, warmUpSeconds } = bench
  const following = bench.load('follow', { url, stream: 'bench', consumers, warmUpSeconds })
  await following.ready
  const before = await processorSeconds(client, daemon.pid)
  const allSeconds = warmUpSeconds + seconds
  const steady = { url, stream: 'bench', recordBytes, perSecond, seconds: allSeconds }
  const { sent } = await bench.load('steady', steady).result
  // The last acknowledged records are still in flight; a subscriber that keeps up has them well before this time is over.
  await delay(SETTLE_MS)
  const spent = (await processorSeconds(client, daemon.pid)) - before
  following.stop()
  const { delivered, latencies } = await following.result
  await client.close()
  await daemon.stop()
  return {
    sent,
    delivered: delivered.reduce((sum, count) => sum + count, 0),
    latency: mergeLatencies([latencies]),
    processorSeconds: spent,
  }
}
