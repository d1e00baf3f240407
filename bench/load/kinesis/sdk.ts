// The JavaScript SDK of AWS as the loads use it: any endpoint, over h2c as the SDK does by itself, or over HTTP/1.1.
// Runs in load processes.
import {
  CreateStreamCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { Agent } from 'node:http'

export type Http = 'h2c' | 'http/1.1'
/** The SDK by one of them, or HTTP/1.1 without the SDK. */
export type Caller = Http | 'bare'

/** Where requests go. */
export interface KinesisTarget {
  readonly endpoint: string
  readonly http: Http
}

const SOCKETS_MAX = 256
const CREATION_SECONDS_MAX = 60

export function kinesisClient({ endpoint, http }: KinesisTarget): KinesisClient {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX })
  return new KinesisClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
    ...(http === 'h2c' ? {} : { requestHandler: new NodeHttpHandler({ httpAgent: agent }) }),
  })
}

export async function createStream(client: KinesisClient, stream: string, shards: number): Promise<void> {
  await client.send(new CreateStreamCommand({ StreamName: stream, ShardCount: shards }))
  await waitUntilStreamExists(
    { client, maxWaitTime: CREATION_SECONDS_MAX, minDelay: 1, maxDelay: 1 },
    { StreamName: stream },
  )
}

/** An iterator at the trim horizon of each shard. */
export async function firstIterators(client: KinesisClient, stream: string): Promise<string[]> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: stream }))
  return Promise.all(
    Shards.map(async ({ ShardId }) => {
      const at = { StreamName: stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const
      return (await client.send(new GetShardIteratorCommand(at))).ShardIterator!
    }),
  )
}
