// Scenario: what TLS, a token and grants cost: the same appends and pushes with and without them, in turns in one run, and how
// soon a thousand clients are back after a restart.
import { bars } from '../bars.ts'
import { scenario } from '../scenario.ts'
import type { Bench } from '../scenario.ts'
import type { Figure, LatencyCurve } from '../report/figure.ts'
import { connect } from '../harness/connect.ts'
import { processorSecondsOf } from '../harness/processor-time.ts'
import { appendTo } from './append.ts'
import { fanOut } from './fanout.ts'

const KiB = 1024
/** Handshakes under way at a time. */
const AT_ONCE = 100

export const tlsScenario = scenario({
  name: 'tls',
  doc: 'appends, pushes and handshakes by TLS and with a token, against plaintext',
  settings: {
    recordBytes: { default: 100, doc: 'data of each record' },
    batchBytes: { default: 256 * KiB, doc: 'size at which a batch is full' },
    shards: { default: 4, doc: 'shards of the stream' },
    rate: { default: 5000, doc: 'records a second that are pushed' },
    rounds: { default: 3, doc: 'measurements of each kind, in turns' },
    clients: { default: 1000, doc: 'clients that connect at once' },
  },
  examples: ['', '--rounds 5 --record-bytes 1Ki'],
  async run(bench, values) {
    const appends = await inTurns(bench, values.rounds, 'appending', async (by) => {
      const { recordsPerSecond } = await appendTo(by, values)
      return recordsPerSecond
    })
    const curves: LatencyCurve[] = []
    const pushes = await inTurns(bench, values.rounds, 'pushing', async (by, name) => {
      const { latency } = await fanOut(by, { ...values, subscribers: 1 })
      curves.push({ name: `push, ${name}`, summary: latency })
      return latency.p99Ms
    })
    const { seconds, processorMs } = await handshakes(bench, values.clients)
    const figures: Figure[] = [
      { name: 'appends, plaintext', value: appends.plain, unit: 'records/s' },
      { name: 'appends, TLS', value: appends.secure, unit: 'records/s' },
      {
        name: 'appends, TLS of plaintext',
        value: (100 * appends.secure) / appends.plain,
        unit: '%',
        bar: bars.tlsAppends,
      },
      { name: 'push p99, plaintext', value: pushes.plain, unit: 'ms' },
      { name: 'push p99, TLS', value: pushes.secure, unit: 'ms' },
      {
        name: 'push p99, TLS of plaintext',
        value: pushes.secure / pushes.plain,
        unit: 'x',
        bar: bars.tlsPushP99,
      },
      {
        name: `${values.clients} clients back after a restart`,
        value: seconds,
        unit: 's',
        bar: bars.tlsHandshakes,
      },
      { name: 'processor time of the controller for one of them', value: processorMs, unit: 'ms' },
    ]
    const notes = ['Medians of the rounds. With TLS, clients show the token of root, and grants are checked.']
    return [
      { scenario: 'tls', figures, latencies: curves, settings: { ...values, seconds: bench.seconds }, notes },
    ]
  },
})

interface Compared {
  readonly plain: number
  readonly secure: number
}

/** Measures without and with TLS in turns, so that a machine that changes meanwhile changes both; returns the medians. */
async function inTurns(
  bench: Bench,
  rounds: number,
  doing: string,
  measure: (by: Bench, name: string) => Promise<number>,
): Promise<Compared> {
  const plain: number[] = []
  const secure: number[] = []
  for (let round = 1; round <= rounds; round++) {
    for (const isSecure of [false, true]) {
      const name = `${isSecure ? 'TLS' : 'plaintext'}, round ${round}`
      bench.say(`${doing}: ${name}`)
      const value = await measure(
        { ...bench, startDaemon: (options) => bench.startDaemon({ ...options, isSecure }) },
        name,
      )
      ;(isSecure ? secure : plain).push(value)
    }
  }
  return { plain: medianOf(plain), secure: medianOf(secure) }
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

/** How long all clients take to show their token to a broker that has started again, and to get an answer. */
async function handshakes(
  bench: Bench,
  clients: number,
): Promise<{ readonly seconds: number; readonly processorMs: number }> {
  const daemon = await bench.startDaemon({ isSecure: true })
  {
    await using client = await connect(daemon.url)
    await client.createStream('bench')
  }
  await daemon.stop()
  const again = await daemon.startAgain()
  bench.say(`${clients} clients connect`)
  const before = await processorSecondsOf(again.pid)
  const load = bench.load('handshakes', { url: again.url, clients, atOnce: AT_ONCE })
  const { seconds } = await load.result
  const spent = (await processorSecondsOf(again.pid)) - before
  await again.stop()
  return { seconds, processorMs: (1000 * spent) / clients }
}
