// Whether probes are answered beside connections to the admin port that send their requests a byte at a time.
import { get } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { bars } from '../../bars.ts'
import { monotonicMs } from '../../harness/clock.ts'
import { within } from '../../harness/deadline.ts'
import { LatencyRecorder } from '../../harness/latency.ts'
import type { Bench } from '../../scenario.ts'
import type { Part } from '../../report/part.ts'

interface ProbesValues {
  readonly slowConnections: number
  readonly probes: number
  readonly probeEveryMs: number
}

const BYTE_EVERY_MS = 100
const OPENING_DEADLINE_MS = 30_000
/** What orchestrators wait for an answer by default, or longer. */
const PROBE_DEADLINE_MS = 1_000
const END_DEADLINE_MS = 30_000

export async function measureProbes(bench: Bench, values: ProbesValues): Promise<Part> {
  const { slowConnections, probes, probeEveryMs } = values
  const daemon = await bench.startDaemon()
  const { hostname: host, port } = new URL(daemon.adminUrl)
  bench.say(`${probes} probes beside ${slowConnections} slow connections`)
  const settings = { host, port: Number(port), connections: slowConnections, byteEveryMs: BYTE_EVERY_MS }
  const slow = bench.load('slowHeaders', settings)
  await within(OPENING_DEADLINE_MS, 'opening the slow connections', slow.ready)
  const recorder = new LatencyRecorder()
  const failures: string[] = []
  for (let sent = 0; sent < probes; sent++) {
    const next = delay(probeEveryMs)
    const startedAt = monotonicMs()
    try {
      await probe(new URL('/healthz', daemon.adminUrl))
    } catch (error) {
      failures.push(String(error))
    }
    recorder.record(monotonicMs() - startedAt)
    await next
  }
  slow.stop()
  const { dialled } = await within(END_DEADLINE_MS, 'closing the slow connections', slow.result)
  await daemon.stop()
  const name = `probes beside ${slowConnections} slow connections`
  const summary = recorder.summary()
  return {
    figures: [
      { name: `${name}: answered`, value: probes - failures.length, unit: 'probes', bar: bars.all(probes) },
      { name: `${name}: worst`, value: summary.maxMs, unit: 'ms' },
    ],
    latencies: [{ name, summary }],
    notes: [
      `${name}: ${dialled} slow connections were dialled, as those that were cut came again at once.`,
      ...failures.map((failure) => `${name}: unanswered: ${failure}`),
    ],
  }
}

/** Asks on a connection of its own; rejects without an answer of 200 in time. */
function probe(url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: PROBE_DEADLINE_MS }, (response) => {
      response.resume()
      response.once('error', reject)
      response.once('close', () =>
        response.statusCode === 200
          ? resolve()
          : reject(new Error(`the answer was ${String(response.statusCode)}`)),
      )
    })
    request.once('error', reject)
    request.once('timeout', () => request.destroy(new Error(`no answer within ${PROBE_DEADLINE_MS} ms`)))
  })
}
