// A Kinesis endpoint on a broker of its own, and another broker: the two sides of a migration, in one process.
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis'
import { createKinesisEndpoint, type KinesisEndpoint } from '@millrace/kinesis'
import type { MigrationWorld } from '@millrace/kinesis/migration'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { connect, type Client, type StreamRecord } from 'millrace'
import { createBroker } from 'millrace/broker'

export interface TwoSides extends AsyncDisposable {
  readonly endpoint: KinesisEndpoint
  readonly kinesis: KinesisClient
  /** Of the broker that is no Kinesis. */
  readonly client: Client
}

export async function twoSides(): Promise<TwoSides> {
  const endpoint = await createKinesisEndpoint({ port: 0 })
  const broker = await createBroker({ listen: false })
  const client = await connect(broker.url, broker)
  const kinesis = new KinesisClient({
    endpoint: endpoint.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    requestHandler: new NodeHttpHandler(),
  })
  return {
    endpoint,
    kinesis,
    client,
    [Symbol.asyncDispose]: async () => {
      kinesis.destroy()
      await client.close()
      await broker.close()
      await endpoint.close()
    },
  }
}

/** A world that waits no longer than other work takes. */
export const hastyWorld: MigrationWorld = {
  monotonic: () => performance.now(),
  random: () => 0,
  sleep: (_, signal) =>
    new Promise((resolve, reject) => {
      setImmediate(() => {
        if (signal.aborted) reject(new DOMException('ended', 'AbortError'))
        else resolve()
      })
    }),
  giveUpAfterMs: 60_000,
}

export function makeStream(kinesis: KinesisClient, name: string, shards: number): Promise<unknown> {
  return kinesis.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }))
}

/** Puts `count` records: each key's data are whole numbers from `from` on, in order. */
export async function putNumbers(
  kinesis: KinesisClient,
  stream: string,
  { keys, from, count }: { keys: number; from: number; count: number },
): Promise<void> {
  for (let number = from; number < from + count; number++) {
    const Records = Array.from({ length: keys }, (_, key) => ({
      PartitionKey: `key-${key}`,
      Data: Buffer.from(String(number)),
    }))
    const { FailedRecordCount } = await kinesis.send(new PutRecordsCommand({ StreamName: stream, Records }))
    if (FailedRecordCount !== 0) throw new Error('A record was refused.')
  }
}

/** The data of each key, in the order of the reading. */
export function byKey(
  records: readonly { readonly partitionKey: string; readonly data: Uint8Array }[],
): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  for (const { partitionKey, data } of records)
    (found[partitionKey] ??= []).push(Buffer.from(data).toString())
  return found
}

/** What `putNumbers` makes of as many keys, with the numbers from 0 on. */
export function numbersOf(keys: number, count: number): Record<string, string[]> {
  const numbers = Array.from({ length: count }, (_, number) => String(number))
  return Object.fromEntries(Array.from({ length: keys }, (_, key) => [`key-${key}`, numbers]))
}

export async function recordsOf(client: Client, stream: string): Promise<StreamRecord[]> {
  const records: StreamRecord[] = []
  for await (const record of client.read(stream)) records.push(record)
  return records
}

/** All records of a Kinesis stream, shard by shard, each to its present tail. */
export async function kinesisRecords(
  kinesis: KinesisClient,
  StreamName: string,
): Promise<{ partitionKey: string; data: Uint8Array }[]> {
  const records: { partitionKey: string; data: Uint8Array }[] = []
  const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName }))
  for (const { ShardId } of Shards!) {
    const start = new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' })
    let { ShardIterator } = await kinesis.send(start)
    while (ShardIterator !== undefined) {
      const page = await kinesis.send(new GetRecordsCommand({ ShardIterator }))
      for (const { PartitionKey, Data } of page.Records!)
        records.push({ partitionKey: PartitionKey!, data: Data! })
      ShardIterator = page.MillisBehindLatest === 0 ? undefined : page.NextShardIterator
    }
  }
  return records
}
