// Load: many connections that each put one record at a time and wait for its acknowledgement, without batching.
// Runs in a load process.
import { connect } from '../../client/index.ts'
import { monotonicMs } from '../harness/clock.ts'
import { type HistogramText, LatencyRecorder } from '../harness/latency.ts'
import { CountingWindow } from './counting-window.ts'
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
  const window = new CountingWindow(monotonicMs(), settings)
  let sent = 0
  await Promise.all(
    clients.map(async (client) => {
      for (let before = monotonicMs(); !window.isOver(before);) {
        await client.put(settings.stream, records[sent++ % records.length]!)
        const now = monotonicMs()
        if (window.count(now)) recorder.record(now - before)
        before = now
      }
      await client.close()
    }),
  )
  return { putsPerSecond: recorder.count / window.seconds, latencies: recorder.toText() }
}
