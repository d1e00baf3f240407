// Registered consumers and their subscriptions, as the JavaScript SDK holds them over h2c and HTTP/1.1.
import {
  CreateStreamCommand,
  DeregisterStreamConsumerCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  ListStreamConsumersCommand,
  MergeShardsCommand,
  RegisterStreamConsumerCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  SplitShardCommand,
  SubscribeToShardCommand,
  type KinesisClient,
  type StartingPosition,
  type SubscribeToShardEvent,
} from '@aws-sdk/client-kinesis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName, TestEndpoint } from '../support/endpoint.ts'
import { numbersByKey, putTexts, shardsOf, textOf, transports, type Transport } from '../support/sdk.ts'

const FIRST = 'shardId-000000000000'
const MIDDLE = String(1n << 127n)

let endpoint: TestEndpoint
let client: KinesisClient

beforeAll(async () => {
  endpoint = await TestEndpoint.start()
  client = endpoint.client()
})
afterAll(async () => await endpoint[Symbol.asyncDispose]())

const create = async (shards: number): Promise<{ name: string; arn: string }> => {
  const name = freshName()
  await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }))
  const summary = await client.send(new DescribeStreamSummaryCommand({ StreamName: name }))
  return { name, arn: summary.StreamDescriptionSummary!.StreamARN! }
}
const register = async (arn: string, consumer = 'reader'): Promise<string> => {
  const command = new RegisterStreamConsumerCommand({ StreamARN: arn, ConsumerName: consumer })
  const consumerArn = (await client.send(command)).Consumer!.ConsumerARN!
  await expect
    .poll(async () => {
      const described = await client.send(new DescribeStreamConsumerCommand({ ConsumerARN: consumerArn }))
      return described.ConsumerDescription!.ConsumerStatus
    })
    .toBe('ACTIVE')
  return consumerArn
}

/** The events of one subscription, until `isEnough` says so or the shard ends. */
async function* events(
  reader: KinesisClient,
  consumerArn: string,
  shardId: string,
  position: StartingPosition = { Type: 'TRIM_HORIZON' },
): AsyncGenerator<SubscribeToShardEvent> {
  const abort = new AbortController()
  const answer = await reader.send(
    new SubscribeToShardCommand({ ConsumerARN: consumerArn, ShardId: shardId, StartingPosition: position }),
    { abortSignal: abort.signal },
  )
  try {
    for await (const each of answer.EventStream!) {
      if (each.SubscribeToShardEvent) yield each.SubscribeToShardEvent
    }
  } finally {
    abort.abort()
  }
}

describe('consumers', () => {
  it('are registered, described by name and ARN, listed in pages and removed', async () => {
    const { name, arn } = await create(1)
    const first = await register(arn, 'one')
    const [created] = /\d+$/.exec(first)!
    expect(first).toBe(`${arn}/consumer/one:${created}`)
    await register(arn, 'two')
    const byName = await client.send(
      new DescribeStreamConsumerCommand({ StreamARN: arn, ConsumerName: 'one' }),
    )
    expect(byName.ConsumerDescription).toMatchObject({ ConsumerARN: first, StreamARN: arn })
    const page = await client.send(new ListStreamConsumersCommand({ StreamARN: arn, MaxResults: 1 }))
    const next = await client.send(
      new ListStreamConsumersCommand({ StreamARN: arn, MaxResults: 1, NextToken: page.NextToken! }),
    )
    const listed = [...page.Consumers!, ...next.Consumers!].map((consumer) => consumer.ConsumerName!)
    expect(listed.toSorted()).toEqual(['one', 'two'])
    const summary = await client.send(new DescribeStreamSummaryCommand({ StreamName: name }))
    expect(summary.StreamDescriptionSummary!.ConsumerCount).toBe(2)
    const again = client.send(new RegisterStreamConsumerCommand({ StreamARN: arn, ConsumerName: 'one' }))
    await expect(again).rejects.toThrow(ResourceInUseException)
    await client.send(new DeregisterStreamConsumerCommand({ ConsumerARN: first }))
    await expect
      .poll(
        async () => (await client.send(new ListStreamConsumersCommand({ StreamARN: arn }))).Consumers!.length,
      )
      .toBe(1)
    const gone = client.send(new DescribeStreamConsumerCommand({ ConsumerARN: first }))
    await expect(gone).rejects.toThrow(ResourceNotFoundException)
  })
})

describe.each(transports.filter((transport) => !transport.endsWith('TLS')))(
  'SubscribeToShard over %s',
  (transport: Transport) => {
    it('brings what is there, what comes, and a number from which another subscription goes on', async () => {
      const { name, arn } = await create(1)
      const consumerArn = await register(arn)
      const reader = endpoint.client({ transport })
      await putTexts(client, name, ['a:0', 'a:1'])
      const texts: string[] = []
      let goOnFrom: string | undefined
      for await (const event of events(reader, consumerArn, FIRST)) {
        texts.push(...event.Records!.map(textOf))
        goOnFrom = event.ContinuationSequenceNumber
        expect(event.MillisBehindLatest).toBeGreaterThanOrEqual(0)
        if (texts.length === 2) await putTexts(client, name, ['a:2'])
        if (texts.length === 3) break
      }
      expect(texts).toEqual(['a:0', 'a:1', 'a:2'])
      await putTexts(client, name, ['a:3'])
      const position = { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: goOnFrom! } as const
      const other = await register(arn, 'other')
      for await (const event of events(reader, other, FIRST, position)) {
        texts.push(...event.Records!.map(textOf))
        if (texts.length >= 4) break
      }
      expect(texts).toEqual(['a:0', 'a:1', 'a:2', 'a:3'])
    })

    it('comes to the end of a shard that is split and merged, and names the children', async () => {
      const { name, arn } = await create(1)
      const consumerArn = await register(arn)
      const reader = endpoint.client({ transport })
      const records: Awaited<ReturnType<typeof drain>>['records'] = []
      const drain = async (shardId: string) => {
        const found = []
        let last: SubscribeToShardEvent | undefined
        for await (const event of events(reader, consumerArn, shardId)) {
          found.push(...event.Records!)
          last = event
        }
        return { records: found, last: last! }
      }
      await putTexts(client, name, ['a:0', 'b:0'])
      const [parent] = await Promise.all([
        drain(FIRST),
        client.send(
          new SplitShardCommand({ StreamName: name, ShardToSplit: FIRST, NewStartingHashKey: MIDDLE }),
        ),
      ])
      records.push(...parent.records)
      expect(parent.last.ContinuationSequenceNumber).toBeUndefined()
      const children = parent.last.ChildShards!
      expect(children.map((child) => child.ParentShards)).toEqual([[FIRST], [FIRST]])
      await putTexts(client, name, ['a:1', 'b:1'])
      await expect.poll(async () => (await shardsOf(client, name)).length).toBe(3)
      await client.send(
        new MergeShardsCommand({
          StreamName: name,
          ShardToMerge: children[0]!.ShardId!,
          AdjacentShardToMerge: children[1]!.ShardId!,
        }),
      )
      for (const child of children) records.push(...(await drain(child.ShardId!)).records)
      expect(numbersByKey(records)).toEqual(
        new Map([
          ['a', [0, 1]],
          ['b', [0, 1]],
        ]),
      )
    })

    it('a consumer or shard that is not there is a typed error before any event', async () => {
      const { arn } = await create(1)
      const consumerArn = await register(arn)
      const reader = endpoint.client({ transport })
      await expect(events(reader, consumerArn, 'shardId-000000000007').next()).rejects.toThrow(
        ResourceNotFoundException,
      )
      const missing = `${arn}/consumer/missing:1700000000`
      await expect(events(reader, missing, FIRST).next()).rejects.toThrow(ResourceNotFoundException)
    })

    it('a second subscription at once is refused', async () => {
      const { arn } = await create(1)
      const consumerArn = await register(arn)
      const reader = endpoint.client({ transport })
      const first = events(reader, consumerArn, FIRST)
      await first.next()
      await expect(events(reader, consumerArn, FIRST).next()).rejects.toThrow(ResourceInUseException)
      await first.return(undefined)
    })
  },
)
