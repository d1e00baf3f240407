// Load: many connections that each put one record at a time and wait for its acknowledgement, without batching.
// Runs in a load process.
import { connect } from '../harness/connect.ts'
import { monotonicMs } from '../harness/clock.ts'
import { type HistogramText, LatencyRecorder } from '../harness/latency.ts'
import { makeRecords } from './records.ts'

export interface PutSettings {
  readonly url: string
  readonly stream: string
  readonly recordBytes: number
  readonly connections: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

export interface PutResult {
  readonly putsPerSecond: number
  readonly latencies: HistogramText
}

export async function runPut(settings: PutSettings): Promise<PutResult> {
  const clients = await Promise.all(Array.from({ length: settings.connections }, () => connect(settings.url)))
  const recorder = new LatencyRecorder()
  const records = makeRecords(settings.recordBytes)
  const startsAt = monotonicMs() + settings.warmUpSeconds * 1000
  const endsAt = startsAt + settings.seconds * 1000
  let sent = 0
  await Promise.all(
    clients.map(async (client) => {
      for (let before = monotonicMs(); before < endsAt;) {
        await client.put(settings.stream, records[sent++ % records.length]!)
        const now = monotonicMs()
        if (now >= startsAt && now < endsAt) recorder.record(now - before)
        before = now
      }
      await client.close()
    }),
  )
  return { putsPerSecond: recorder.count / settings.seconds, latencies: recorder.toText() }
}
