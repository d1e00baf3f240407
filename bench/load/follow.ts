// Load: many registered consumers of one stream, each with its own connection, that count and time pushed records until stopped.
// Runs in a load process.
import { connect } from '../harness/connect.ts'
import { monotonicMs } from '../harness/clock.ts'
import { type HistogramText, LatencyRecorder } from '../harness/latency.ts'
import type { LoadControl } from './job.ts'
import { timeOf } from './timed-record.ts'

export interface FollowSettings {
  readonly url: string
  readonly stream: string
  /** Their names: they are registered. */
  readonly consumers: readonly string[]
  /** Records that are sent so soon after the first one are counted, but not timed. */
  readonly warmUpSeconds: number
}

export interface FollowResult {
  /** Records delivered to each subscriber. */
  readonly delivered: readonly number[]
  readonly latencies: HistogramText
}

export async function runFollow(settings: FollowSettings, control: LoadControl): Promise<FollowResult> {
  const recorder = new LatencyRecorder()
  const { consumers } = settings
  const clients = await Promise.all(consumers.map(() => connect(settings.url)))
  const delivered = clients.map(() => 0)
  let timedFrom = Infinity
  const subscriptions = clients.map((client, index) =>
    client.subscribe(settings.stream, { consumer: consumers[index]! }),
  )
  await Promise.all(subscriptions.map((subscription) => subscription.started))
  const following = subscriptions.map(async (subscription, index) => {
    for await (const batch of subscription.batches()) {
      const now = monotonicMs()
      delivered[index] = delivered[index]! + batch.length
      for (const record of batch) {
        const sentAt = timeOf(record.bytes)
        timedFrom = Math.min(timedFrom, sentAt + settings.warmUpSeconds * 1000)
        if (sentAt >= timedFrom) recorder.record(now - sentAt)
      }
    }
  })
  control.stopped.addEventListener('abort', () => {
    for (const subscription of subscriptions) void subscription.close()
  })
  control.ready()
  await Promise.all(following)
  await Promise.all(clients.map((client) => client.close()))
  return { delivered, latencies: recorder.toText() }
}
