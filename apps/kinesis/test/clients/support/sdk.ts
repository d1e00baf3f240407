// The JavaScript SDK of AWS as tests use it: clients for each way to speak HTTP, and loops that read whole shards.
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
  type KinesisClientConfig,
  type PutRecordsCommandOutput,
  type _Record as KinesisRecord,
  type Shard,
} from '@aws-sdk/client-kinesis'
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler'
import { Agent } from 'node:https'

export type Transport = 'h2c' | 'http/1.1' | 'h2 over TLS' | 'http/1.1 over TLS'

export const transports: readonly Transport[] = ['h2c', 'http/1.1', 'h2 over TLS', 'http/1.1 over TLS']

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Whose credentials do not matter, since nobody verifies signatures. */
export const ANYBODY: Credentials = { accessKeyId: 'any', secretAccessKey: 'any' }

export interface ClientChoices {
  readonly transport?: Transport
  readonly credentials?: Credentials
  readonly region?: string
  /** The authority that signed the endpoint's certificate, in PEM. */
  readonly ca?: string
  readonly config?: KinesisClientConfig
}

/** A client of the endpoint at `127.0.0.1:port`, or at `localhost:port` over TLS. It tries once, so that errors are seen. */
export function sdkClient(port: number, choices: ClientChoices = {}): KinesisClient {
  const { transport = 'h2c', region = 'us-east-1', ca } = choices
  const isSecure = transport.endsWith('TLS')
  const trust = ca === undefined ? {} : { ca }
  const requestHandler =
    transport === 'h2c'
      ? {}
      : {
          requestHandler: transport.startsWith('h2')
            ? new NodeHttp2Handler({ nodeHttp2ConnectOptions: trust })
            : new NodeHttpHandler({ httpsAgent: new Agent({ keepAlive: true, ...trust }) }),
        }
  return new KinesisClient({
    region,
    endpoint: isSecure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    credentials: choices.credentials ?? ANYBODY,
    maxAttempts: 1,
    ...requestHandler,
    ...choices.config,
  })
}

export const bytes = (text: string): Uint8Array => Buffer.from(text)
export const textOf = (record: KinesisRecord): string => Buffer.from(record.Data!).toString()

/** Everything in a shard, from its trim horizon to its end or to where nothing more is behind. */
export async function readShard(
  client: KinesisClient,
  stream: string,
  shardId: string,
): Promise<KinesisRecord[]> {
  const records: KinesisRecord[] = []
  const first = await client.send(
    new GetShardIteratorCommand({
      StreamName: stream,
      ShardId: shardId,
      ShardIteratorType: 'TRIM_HORIZON',
    }),
  )
  for (let iterator = first.ShardIterator; iterator !== undefined;) {
    const answer = await client.send(new GetRecordsCommand({ ShardIterator: iterator }))
    records.push(...answer.Records!)
    const isCaughtUp = answer.Records!.length === 0 && answer.MillisBehindLatest === 0
    iterator = isCaughtUp ? undefined : answer.NextShardIterator
  }
  return records
}

/** All shards of a stream, closed ones included, in the order of their ids. */
export async function shardsOf(client: KinesisClient, stream: string): Promise<Shard[]> {
  const shards: Shard[] = []
  let token: string | undefined
  do {
    const page = await client.send(
      new ListShardsCommand(token === undefined ? { StreamName: stream } : { NextToken: token }),
    )
    shards.push(...page.Shards!)
    token = page.NextToken
  } while (token !== undefined)
  return shards
}

/** Records of all shards, parents before their children. */
export async function readStream(client: KinesisClient, stream: string): Promise<KinesisRecord[]> {
  const records: KinesisRecord[] = []
  for (const shard of await shardsOf(client, stream)) {
    records.push(...(await readShard(client, stream, shard.ShardId!)))
  }
  return records
}

/** Puts texts, each under the key that goes before its colon: `'ada:1'` under `ada`. */
export function putTexts(
  client: KinesisClient,
  stream: string,
  texts: readonly string[],
): Promise<PutRecordsCommandOutput> {
  const entries = texts.map((text) => ({ PartitionKey: text.split(':')[0]!, Data: bytes(text) }))
  return client.send(new PutRecordsCommand({ StreamName: stream, Records: entries }))
}

/** The numbers behind the colon, by key, in the order in which they were read. */
export function numbersByKey(records: readonly KinesisRecord[]): Map<string, number[]> {
  const byKey = new Map<string, number[]>()
  for (const record of records) {
    const [key = '', number] = textOf(record).split(':')
    byKey.set(key, [...(byKey.get(key) ?? []), Number(number)])
  }
  return byKey
}
