// Loads a Kinesis endpoint: streams, producers by PutRecords, readers by GetRecords. Nothing is tried again, so that a load sees what
// is refused, and the endpoint's own order is what its readers check. Runs in the process that loads.
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  type StreamDescriptionSummary,
} from '@aws-sdk/client-kinesis'
import { setTimeout as sleep } from 'node:timers/promises'
import { openAws, type AwsSide } from '../migration/aws-client.ts'
import { PutRecordsProducer } from './put-records-producer.ts'
import { StreamPoll, type StreamPollOptions } from './stream-poll.ts'

export interface KinesisLoadOptions extends AwsSide {
  /** How long each shard is left alone between two GetRecords. */
  readonly pollMs: number
}

/** What the command line asks of a system under load. */
export interface KinesisLoad {
  createStream(name: string, shards: number): Promise<void>
  openShards(name: string): Promise<number>
  deleteStream(name: string): Promise<void>
  openProducer(stream: string): Promise<PutRecordsProducer>
  openReader(options: Omit<StreamPollOptions, 'client' | 'pollMs' | 'now'>): Promise<StreamPoll>
  close(): Promise<void>
}

const LOOK_MS = 200
/** Kinesis makes a stream within a minute or so. */
const CREATION_LOOKS_MAX = 1500

/** Opens the load of an endpoint. */
export async function openKinesisLoad(
  { pollMs, ...side }: KinesisLoadOptions,
  now = Date.now,
): Promise<KinesisLoad> {
  const client = await openAws(side)
  return {
    async createStream(StreamName, ShardCount) {
      await client.send(new CreateStreamCommand({ StreamName, ShardCount }))
      for (let looks = 0; looks < CREATION_LOOKS_MAX; looks++) {
        if ((await summaryOf(client, StreamName)).StreamStatus === 'ACTIVE') return
        await sleep(LOOK_MS)
      }
      throw new Error(`The stream ${StreamName} was made, and did not become active.`)
    },
    async openShards(name) {
      return (await summaryOf(client, name)).OpenShardCount ?? 0
    },
    async deleteStream(StreamName) {
      await client.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }))
    },
    async openProducer(stream) {
      return new PutRecordsProducer(client, stream)
    },
    async openReader(options) {
      const poll = new StreamPoll({ ...options, client, pollMs, now })
      await poll.start()
      return poll
    },
    async close() {
      client.destroy()
    },
  }
}

async function summaryOf(
  client: KinesisClient,
  StreamName: string,
): Promise<Partial<StreamDescriptionSummary>> {
  const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName }))
  return answer.StreamDescriptionSummary ?? {}
}
