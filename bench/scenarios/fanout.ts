// Scenario: one producer and many subscribers, each of which gets all records, pushed from the host's memory.
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '../../client/index.ts'
import { mergeLatencies } from '../harness/latency.ts'
import { measureLoopback } from '../limits/limits.ts'
import { type Figure, type LatencyCurve, ratioTo } from '../report/figure.ts'
import type { Bench } from '../scenario.ts'
import { scenario } from '../scenario.ts'

const SETTLE_MS = 500

export const fanoutScenario = scenario({
  name: 'fanout',
  doc: 'one producer at an even rate, many subscribers that each get everything',
  settings: {
    subscribers: { default: [1, 8, 32], doc: 'subscribers, each with its own connection' },
    rate: { default: 5000, doc: 'records a second' },
    recordBytes: { default: 1024, doc: 'data of each record' },
    shards: { default: 4, doc: 'shards of the stream' },
  },
  examples: ['', '--subscribers 100 --rate 1k'],
  async run(bench, values) {
    const loopback = await measureLoopback(bench)
    const figures: Figure[] = []
    const latencies: LatencyCurve[] = []
    for (const subscribers of values.subscribers) {
      bench.say(`pushing to ${subscribers} subscribers`)
      const { delivered, sent, latency } = await fanOut(bench, { ...values, subscribers })
      const perSecond = delivered / bench.seconds
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
      latencies.push({ name: `push to ${name}`, summary: latency })
    }
    return [
      { scenario: 'fanout', figures, latencies, settings: { ...values, seconds: bench.seconds }, notes: [] },
    ]
  },
})

async function fanOut(
  bench: Bench,
  point: {
    readonly subscribers: number
    readonly rate: number
    readonly recordBytes: number
    readonly shards: number
  },
) {
  const daemon = await bench.startDaemon()
  await using client = await connect(daemon.url)
  await client.createStream('bench', { shards: point.shards })
  const { url } = daemon
  const { recordBytes, rate: perSecond, subscribers } = point
  const following = bench.load('follow', { url, stream: 'bench', subscribers })
  await following.ready
  const { seconds } = bench
  const { sent } = await bench.load('steady', { url, stream: 'bench', recordBytes, perSecond, seconds })
    .result
  // The last acknowledged records are still in flight; a subscriber that keeps up has them well before this time is over.
  await delay(SETTLE_MS)
  following.stop()
  const { delivered, latencies } = await following.result
  await client.close()
  await daemon.stop()
  return {
    sent,
    delivered: delivered.reduce((sum, count) => sum + count, 0),
    latency: mergeLatencies([latencies]),
  }
}
