// Subscriptions while processes of the broker are killed: one that is open goes on by itself, with nothing lost and nothing twice,
// and ends where the broker stays away, so that its client comes back.
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisServiceException,
  RegisterStreamConsumerCommand,
  SubscribeToShardCommand,
  type KinesisClient,
} from '@aws-sdk/client-kinesis'
import { createKinesisEndpoint, type KinesisEndpoint } from '@millrace/kinesis'
import { connect } from 'millrace'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { TestDaemon } from '../../../../../test/support/daemon.ts'
import { sdkClient, textOf } from '../support/sdk.ts'

const ROUND = 20

let daemon: TestDaemon
beforeEach(async () => {
  daemon = await TestDaemon.start({ hosts: '1' })
})
afterEach(() => daemon[Symbol.asyncDispose]())

const serve = (subscriptionLifeMs: number, requestTimeoutMs = 30_000): Promise<KinesisEndpoint> =>
  createKinesisEndpoint({
    port: 0,
    broker: { url: daemon.url, requestTimeoutMs },
    settings: { subscriptionLifeMs },
  })

async function subscribe(client: KinesisClient) {
  await client.send(new CreateStreamCommand({ StreamName: 'clicks', ShardCount: 1 }))
  const { StreamDescriptionSummary } = await client.send(
    new DescribeStreamSummaryCommand({ StreamName: 'clicks' }),
  )
  const { Consumer } = await client.send(
    new RegisterStreamConsumerCommand({
      StreamARN: StreamDescriptionSummary!.StreamARN,
      ConsumerName: 'reader',
    }),
  )
  const command = new SubscribeToShardCommand({
    ConsumerARN: Consumer!.ConsumerARN,
    ShardId: 'shardId-000000000000',
    StartingPosition: { Type: 'TRIM_HORIZON' },
  })
  const { EventStream } = await client.send(command)
  return { command, events: EventStream! }
}

it('a killed host and a killed broker are seen through by one subscription: each record once, in order', async () => {
  await using endpoint = await serve(600_000)
  const client = sdkClient(endpoint.port)
  const { events } = await subscribe(client)
  const seen: string[] = []
  let isOver = false
  const reading = (async () => {
    for await (const { SubscribeToShardEvent: event } of events) seen.push(...event!.Records!.map(textOf))
    isOver = true
  })()
  reading.catch(() => (isOver = true))
  // The native producer stores each record once, whatever is killed.
  await using native = await connect(daemon.url, { requestTimeoutMs: 120_000 })
  let next = 0
  const putRound = async (): Promise<void> => {
    for (let i = 0; i < ROUND; i++) await native.put('clicks', { partitionKey: 'ada', data: String(next++) })
    await expect.poll(() => seen.at(-1)).toBe(String(next - 1))
  }
  await putRound()
  process.kill((await daemon.hostPids())[0]!, 'SIGKILL')
  await putRound()
  await daemon.killAll(await daemon.hostPids())
  await daemon.restart()
  await putRound()
  expect(isOver).toBe(false)
  expect(seen).toEqual(Array.from({ length: next }, (_, i) => String(i)))
  client.destroy()
})

it('a broker that stays away ends a subscription with its life, and then asks its client to come again', async () => {
  await using endpoint = await serve(2_000, 1_000)
  const client = sdkClient(endpoint.port)
  const { command, events } = await subscribe(client)
  await daemon.killAll(await daemon.hostPids())
  let told = 0
  for await (const { SubscribeToShardEvent: event } of events) told += event!.Records!.length
  expect(told).toBe(0)
  const refusal: unknown = await client.send(command).catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(KinesisServiceException)
  // SDKs and the KCL try again after these.
  expect((refusal as KinesisServiceException).$metadata.httpStatusCode).toBeGreaterThanOrEqual(500)
  client.destroy()
})
