// The requests of AWS' APIs by which records are sent: PutRecords of Kinesis, PutRecordBatch of Firehose. Runs in the process of the agent.
// The SDK tries nothing again by itself: what is put again, and when, is decided per record. HTTP/1.1 over connections that are kept.
import {
  DescribeDeliveryStreamCommand,
  FirehoseClient,
  PutRecordBatchCommand,
} from '@aws-sdk/client-firehose'
import { DescribeStreamSummaryCommand, KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { defaultProvider } from '@aws-sdk/credential-provider-node'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { AwsSettings } from '../config/index.ts'
import type { AwsEndpoint } from '../config/endpoints.ts'
import type { PutOptions } from './put-all.ts'

export interface AwsCalls extends Pick<PutOptions, 'bounds' | 'put'> {
  /** Undefined, or what is wrong with the destination. */
  check(signal: AbortSignal): Promise<string | undefined>
  close(): void
}

const MiB = 1024 * 1024
const RECORDS_MAX = 500

export function kinesisCalls(stream: string, endpoint: AwsEndpoint, settings: AwsSettings): AwsCalls {
  const client = new KinesisClient(clientSettings(endpoint, settings))
  return {
    bounds: { records: RECORDS_MAX, bytes: 5 * MiB },
    put: async (entries, abortSignal) => {
      const Records = entries.map(({ data, partitionKey }) => ({ Data: data, PartitionKey: partitionKey }))
      const answer = await client.send(new PutRecordsCommand({ StreamName: stream, Records }), {
        abortSignal,
      })
      return entries.map((_, index) => troubleOf(answer.Records?.[index]))
    },
    check: (abortSignal) =>
      troubleIn(async () =>
        client.send(new DescribeStreamSummaryCommand({ StreamName: stream }), { abortSignal }),
      ),
    close: () => client.destroy(),
  }
}

export function firehoseCalls(name: string, endpoint: AwsEndpoint, settings: AwsSettings): AwsCalls {
  const client = new FirehoseClient(clientSettings(endpoint, settings))
  return {
    bounds: { records: RECORDS_MAX, bytes: 4 * MiB },
    put: async (entries, abortSignal) => {
      const Records = entries.map(({ data }) => ({ Data: data }))
      const command = new PutRecordBatchCommand({ DeliveryStreamName: name, Records })
      const answer = await client.send(command, { abortSignal })
      return entries.map((_, index) => troubleOf(answer.RequestResponses?.[index]))
    },
    check: (abortSignal) =>
      troubleIn(async () =>
        client.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName: name }), { abortSignal }),
      ),
    close: () => client.destroy(),
  }
}

/** What an answer says of one record. A record of which it says nothing was not taken. */
function troubleOf(
  entry: { readonly ErrorCode?: string | undefined; readonly ErrorMessage?: string | undefined } | undefined,
): string | undefined {
  if (entry === undefined) return 'The answer says nothing of the record.'
  return entry.ErrorCode === undefined ? undefined : `${entry.ErrorCode}: ${entry.ErrorMessage ?? ''}`
}

async function troubleIn(call: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    const { name, message } = error as Error
    return `${name}: ${message}`
  }
}

function clientSettings(endpoint: AwsEndpoint, settings: AwsSettings) {
  const {
    credentials,
    connectionsMax: maxSockets,
    connectionTimeoutMs,
    socketTimeoutMs,
    userAgent,
  } = settings
  return {
    endpoint: endpoint.url,
    region: endpoint.region,
    maxAttempts: 1,
    credentials: credentials ?? credentialsFor(endpoint.url),
    ...(userAgent !== undefined && { customUserAgent: userAgent }),
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: socketTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets },
      httpsAgent: { keepAlive: true, maxSockets },
    }),
  }
}

/** The SDK's own chain. An endpoint of this machine that verifies nothing wants a signature all the same: any will do. */
function credentialsFor(url: string) {
  const chain = defaultProvider()
  const { hostname } = new URL(url)
  if (hostname !== 'localhost' && hostname !== '[::1]' && !/^127(\.\d{1,3}){3}$/.test(hostname)) return chain
  return async () => {
    try {
      return await chain()
    } catch {
      return { accessKeyId: 'anybody', secretAccessKey: 'anything' }
    }
  }
}
