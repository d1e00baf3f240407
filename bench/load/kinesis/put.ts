// Load: callers of PutRecord or PutRecords, each of which waits for its answer before it calls again. Runs in a load process.
import { PutRecordCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { monotonicMs } from '../../harness/clock.ts'
import { type HistogramText, LatencyRecorder } from '../../harness/latency.ts'
import { makeRecords } from '../records.ts'
import { BareCaller } from './bare.ts'
import { createStream, kinesisClient, type Caller } from './sdk.ts'

export interface KinesisPutSettings {
  readonly endpoint: string
  readonly by: Caller
  readonly stream: string
  readonly shards: number
  readonly recordBytes: number
  /** Records in one request: PutRecord for 1, PutRecords for more. */
  readonly requestRecords: number
  readonly callers: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

export interface KinesisPutResult {
  readonly recordsPerSecond: number
  /** Of whole requests. */
  readonly latencies: HistogramText
}

export async function runKinesisPut(settings: KinesisPutSettings): Promise<KinesisPutResult> {
  const { stream, requestRecords, callers, endpoint, by } = settings
  const client = kinesisClient({ endpoint, http: by === 'bare' ? 'http/1.1' : by })
  const bare = by === 'bare' ? new BareCaller(endpoint) : undefined
  await createStream(client, stream, settings.shards)
  const entries = makeRecords(settings.recordBytes).map(({ partitionKey, data }) => ({
    PartitionKey: partitionKey,
    Data: data,
  }))
  let at = 0
  const call = async (): Promise<void> => {
    if (requestRecords === 1) {
      const entry = entries[at++ % entries.length]!
      if (bare !== undefined) await bare.call('PutRecord', { StreamName: stream, ...textOf(entry) })
      else await client.send(new PutRecordCommand({ StreamName: stream, ...entry }))
      return
    }
    const Records = Array.from({ length: requestRecords }, () => entries[at++ % entries.length]!)
    if (bare !== undefined) {
      await bare.call('PutRecords', { StreamName: stream, Records: Records.map(textOf) })
      return
    }
    const answer = await client.send(new PutRecordsCommand({ StreamName: stream, Records }))
    if (answer.FailedRecordCount !== 0) throw new Error(`${answer.FailedRecordCount} records were refused`)
  }
  const recorder = new LatencyRecorder()
  const startsAt = monotonicMs() + settings.warmUpSeconds * 1000
  const endsAt = startsAt + settings.seconds * 1000
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let before = monotonicMs(); before < endsAt;) {
        await call()
        const now = monotonicMs()
        if (now >= startsAt && now < endsAt) recorder.record(now - before)
        before = now
      }
    }),
  )
  client.destroy()
  bare?.close()
  return {
    recordsPerSecond: (recorder.count * requestRecords) / settings.seconds,
    latencies: recorder.toText(),
  }
}

function textOf({ PartitionKey, Data }: { PartitionKey: string; Data: Uint8Array }) {
  return { PartitionKey, Data: Buffer.from(Data).toString('base64') }
}
