// Scenario: end-to-end latency at a given rate, from the intended send time to the push (open loop).
import { connect } from '../harness/connect.ts'
import { bars } from '../bars.ts'
import { mergeLatencies } from '../harness/latency.ts'
import { measureFlush, measureRawLmdb } from '../limits/limits.ts'
import { type Figure, ratioTo } from '../report/figure.ts'
import { scenario } from '../scenario.ts'

/** The rate for which the bars were set. */
const BAR_RATE = 5000

export const latencyScenario = scenario({
  name: 'latency',
  doc: 'from the intended send time to the push, at an even rate',
  settings: {
    rate: { default: BAR_RATE, doc: 'records a second' },
    recordBytes: { default: 100, doc: 'data of each record' },
    shards: { default: 4, doc: 'shards of the stream' },
  },
  examples: ['', '--rate 20k --seconds 30', '--rate 100 --shards 1'],
  async run(bench, values) {
    // Flushes are measured before and after, so that a disk that slows down meanwhile does not distort the ratio.
    const flushBefore = await measureFlush(bench)
    const raw = await measureRawLmdb(bench, { bytes: values.recordBytes, inFlight: 1 })
    const daemon = await bench.startDaemon()
    await using client = await connect(daemon.url)
    await client.createStream('bench', { shards: values.shards })
    bench.say(`sending ${values.rate} records a second`)
    const { seconds, warmUpSeconds } = bench
    const { rate: perSecond, recordBytes } = values
    const settings = { url: daemon.url, stream: 'bench', recordBytes, perSecond, seconds, warmUpSeconds }
    const result = await bench.load('latency', settings).result
    await daemon.stop()
    const flush = mergeLatencies([flushBefore, await measureFlush(bench)])
    const pushed = mergeLatencies([result.pushed])
    const isBarRate = perSecond === BAR_RATE
    const figures: Figure[] = [
      {
        name: 'push p50',
        value: pushed.p50Ms,
        unit: 'ms',
        ratios: [ratioTo('fdatasync p50', pushed.p50Ms, flush.p50Ms)],
        ...(isBarRate ? { bar: bars.pushP50(flush.p50Ms) } : {}),
      },
      {
        name: 'push p99',
        value: pushed.p99Ms,
        unit: 'ms',
        ratios: [ratioTo('fdatasync p99', pushed.p99Ms, flush.p99Ms)],
        ...(isBarRate ? { bar: bars.pushP99(flush.p99Ms) } : {}),
      },
    ]
    const latencies = [
      { name: 'push, end to end', summary: pushed },
      { name: 'acknowledgement', summary: mergeLatencies([result.acknowledged]) },
      { name: 'raw lmdb-js, one commit at a time', summary: raw.commit },
      { name: 'fdatasync, 4 KiB', summary: flush },
      { name: 'lateness of the load itself', summary: mergeLatencies([result.lateness]) },
    ]
    return [{ scenario: 'latency', figures, latencies, settings: { ...values, seconds }, notes: [] }]
  },
})
