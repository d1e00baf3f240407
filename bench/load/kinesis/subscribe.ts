// Load: records are put at an even rate by PutRecord and pushed back by SubscribeToShard, each timed from its intended send
// time to its arrival. Runs in a load process.
import {
  DescribeStreamSummaryCommand,
  PutRecordCommand,
  RegisterStreamConsumerCommand,
  SubscribeToShardCommand,
} from '@aws-sdk/client-kinesis'
import { monotonicMs } from '../../harness/clock.ts'
import { type HistogramText, LatencyRecorder } from '../../harness/latency.ts'
import type { LoadControl } from '../job.ts'
import { runOpenLoop } from '../../../cli/load-test/pacing/open-loop.ts'
import { timedPayload, timeOf } from '../timed-record.ts'
import { createStream, kinesisClient, type KinesisTarget } from './sdk.ts'

export interface KinesisSubscribeSettings extends KinesisTarget {
  readonly stream: string
  readonly recordBytes: number
  readonly perSecond: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

export async function runKinesisSubscribe(
  settings: KinesisSubscribeSettings,
  control: LoadControl,
): Promise<{ readonly pushed: HistogramText }> {
  const { stream, perSecond, recordBytes, warmUpSeconds } = settings
  const client = kinesisClient(settings)
  await createStream(client, stream, 1)
  const summary = await client.send(new DescribeStreamSummaryCommand({ StreamName: stream }))
  const { StreamARN } = summary.StreamDescriptionSummary!
  const { Consumer } = await client.send(
    new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'bench' }),
  )
  const subscription = await client.send(
    new SubscribeToShardCommand({
      ConsumerARN: Consumer!.ConsumerARN,
      ShardId: 'shardId-000000000000',
      StartingPosition: { Type: 'TRIM_HORIZON' },
    }),
  )
  const seconds = warmUpSeconds + settings.seconds
  const expected = Math.round(perSecond * seconds)
  const warmUp = Math.round(perSecond * warmUpSeconds)
  const recorder = new LatencyRecorder()
  const receiving = (async () => {
    let received = 0
    for await (const event of subscription.EventStream!) {
      const now = monotonicMs()
      for (const record of event.SubscribeToShardEvent?.Records ?? []) {
        if (++received > warmUp) recorder.record(now - timeOf(record.Data!))
      }
      if (received >= expected) return
    }
    throw new Error(`the subscription ended after ${received} of ${expected} records`)
  })()
  receiving.catch(() => {})
  const puts: Promise<unknown>[] = []
  control.ready()
  await runOpenLoop({
    perSecond,
    seconds,
    send(intendedAt) {
      const Data = timedPayload(recordBytes, intendedAt)
      puts.push(client.send(new PutRecordCommand({ StreamName: stream, PartitionKey: 'key', Data })))
    },
  })
  await Promise.all(puts)
  await receiving
  client.destroy()
  return { pushed: recorder.toText() }
}
