// Load: one producer that appends as fast as acknowledgements allow. Runs in a load process.
import { randomBytes } from 'node:crypto'
import { staticKeys } from '../../client/index.ts'
import { connect } from '../harness/connect.ts'
import { monotonicMs } from '../harness/clock.ts'
import { type HistogramText, LatencyRecorder } from '../harness/latency.ts'
import type { LoadControl } from './job.ts'
import { makeRecords } from './records.ts'

export interface AppendSettings {
  readonly url: string
  readonly stream: string
  readonly recordBytes: number
  readonly batchBytes: number
  /** The producer encrypts. */
  readonly isEncrypted?: boolean
  /** Longest time of the load; the bench may stop it earlier. */
  readonly seconds: number
  readonly warmUpSeconds: number
}

export interface AppendResult {
  readonly recordsPerSecond: number
  readonly megabytesPerSecond: number
  /** Mean number of records in the batches that the producer made. */
  readonly batchRecords: number
  /** Latencies of a sample, from `send` to acknowledgement, with the wait in the producer's buffer. */
  readonly latencies: HistogramText
}

/** One in so many records is timed, since timing each would cost more than appending it. */
const SAMPLED_ONE_IN = 4096
/** The clock is read once for so many records. */
const CLOCK_EVERY = 64

export async function runAppend(settings: AppendSettings, control: LoadControl): Promise<AppendResult> {
  const keys = staticKeys({ current: 'key', keys: { key: randomBytes(32) } })
  const options = settings.isEncrypted === true ? { encryption: { keys } } : {}
  await using client = await connect(settings.url, options)
  const recorder = new LatencyRecorder()
  const startsAt = monotonicMs() + settings.warmUpSeconds * 1000
  let endsAt = startsAt + settings.seconds * 1000
  control.stopped.addEventListener('abort', () => {
    endsAt = Math.min(endsAt, monotonicMs())
  })
  let counted = 0
  let batches = 0
  const producer = await client.producer(settings.stream, {
    batchBytes: settings.batchBytes,
    onAcknowledged({ recordCount }) {
      const now = monotonicMs()
      if (now < startsAt || now >= endsAt) return
      counted += recordCount
      batches++
    },
    onRefused(error) {
      throw error
    },
  })
  const timeOne = async (record: { partitionKey: string; data: Uint8Array }) => {
    const sentAt = monotonicMs()
    await producer.send(record)
    if (sentAt >= startsAt) recorder.record(monotonicMs() - sentAt)
  }
  const records = makeRecords(settings.recordBytes)
  const sampled: Promise<void>[] = []
  control.ready()
  for (let sent = 0; sent % CLOCK_EVERY !== 0 || monotonicMs() < endsAt; sent++) {
    const record = records[sent % records.length]!
    if (sent % SAMPLED_ONE_IN === 0) sampled.push(timeOne(record))
    const wait = producer.push(record)
    if (wait !== undefined) await wait
  }
  await producer.close()
  await Promise.all(sampled)
  const recordsPerSecond = (1000 * counted) / (endsAt - startsAt)
  return {
    recordsPerSecond,
    megabytesPerSecond: (recordsPerSecond * settings.recordBytes) / 1e6,
    batchRecords: counted / batches,
    latencies: recorder.toText(),
  }
}
