// Load: records are sent at an even rate and pushed back by a subscription, each timed from its intended send time. Runs in
// a load process, with separate connections for producer and subscriber.
import { connect } from '../harness/connect.ts'
import { monotonicMs } from '../harness/clock.ts'
import { type HistogramText, LatencyRecorder } from '../harness/latency.ts'
import type { LoadControl } from './job.ts'
import { runOpenLoop } from '../../cli/load-test/pacing/open-loop.ts'
import { timedPayload, timeOf } from './timed-record.ts'

export interface LatencySettings {
  readonly url: string
  readonly stream: string
  readonly recordBytes: number
  readonly perSecond: number
  /** Producers that send in turns, each with its own connection; 1 by default. */
  readonly producers?: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

export interface LatencyResult {
  /** Latencies from the intended send time to the arrival at the subscriber. */
  readonly pushed: HistogramText
  /** Latencies from the intended send time to the acknowledgement. */
  readonly acknowledged: HistogramText
  /** Latencies from the intended to the actual send time, which the load process itself adds. */
  readonly lateness: HistogramText
}

const KEYS = 1024

export async function runLatency(settings: LatencySettings, control: LoadControl): Promise<LatencyResult> {
  await using subscribing = await connect(settings.url)
  const { perSecond, warmUpSeconds, recordBytes } = settings
  const seconds = warmUpSeconds + settings.seconds
  const expected = Math.round(perSecond * seconds)
  const warmUp = Math.round(perSecond * warmUpSeconds)
  const [pushed, acknowledged, lateness] = [
    new LatencyRecorder(),
    new LatencyRecorder(),
    new LatencyRecorder(),
  ]

  const subscription = subscribing.subscribe(settings.stream)
  await subscription.started
  const receiving = (async () => {
    let received = 0
    for await (const batch of subscription.batches()) {
      const now = monotonicMs()
      for (const record of batch) {
        if (++received > warmUp) pushed.record(now - timeOf(record.bytes))
      }
      if (received === expected) return
    }
  })()

  const clients = await Promise.all(
    Array.from({ length: settings.producers ?? 1 }, () => connect(settings.url)),
  )
  const producers = await Promise.all(clients.map((client) => client.producer(settings.stream)))
  const failures: unknown[] = []
  let sent = 0
  control.ready()
  await runOpenLoop({
    perSecond,
    seconds,
    send(intendedAt) {
      const isCounted = ++sent > warmUp
      if (isCounted) lateness.record(monotonicMs() - intendedAt)
      const record = { partitionKey: `key-${sent % KEYS}`, data: timedPayload(recordBytes, intendedAt) }
      producers[sent % producers.length]!.send(record).then(
        () => isCounted && acknowledged.record(monotonicMs() - intendedAt),
        (error: unknown) => failures.push(error),
      )
    },
  })
  await Promise.all(clients.map((client) => client.close()))
  if (failures.length > 0) throw failures[0]
  control.say(`  sent ${sent} records, waiting for the last to be pushed`)
  await receiving
  return { pushed: pushed.toText(), acknowledged: acknowledged.toText(), lateness: lateness.toText() }
}
