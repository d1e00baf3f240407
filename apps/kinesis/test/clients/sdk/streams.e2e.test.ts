// The life of a stream, as the JavaScript SDK sees it over h2c, its default.
import {
  CreateStreamCommand,
  DecreaseStreamRetentionPeriodCommand,
  DeleteStreamCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  IncreaseStreamRetentionPeriodCommand,
  ListStreamsCommand,
  paginateListStreams,
  RegisterStreamConsumerCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  waitUntilStreamExists,
  waitUntilStreamNotExists,
  type KinesisClient,
} from '@aws-sdk/client-kinesis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName, TestEndpoint } from '../support/endpoint.ts'
import { putTexts, readStream, textOf } from '../support/sdk.ts'

const LARGEST_HASH_KEY = '340282366920938463463374607431768211455'

let endpoint: TestEndpoint
let client: KinesisClient

beforeAll(async () => {
  endpoint = await TestEndpoint.start()
  client = endpoint.client()
})
afterAll(async () => await endpoint[Symbol.asyncDispose]())

const create = async (shards: number): Promise<string> => {
  const name = freshName()
  await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }))
  return name
}
const summaryOf = async (name: string) => {
  const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: name }))
  return answer.StreamDescriptionSummary!
}

describe('the life of a stream', () => {
  it('CreateStream: the waiter of the SDK sees the stream, with even ranges over all hash keys', async () => {
    const name = await create(3)
    const waited = await waitUntilStreamExists({ client, maxWaitTime: 60 }, { StreamName: name })
    expect(waited.state).toBe('SUCCESS')
    const { StreamDescription: stream } = await client.send(new DescribeStreamCommand({ StreamName: name }))
    expect(stream).toMatchObject({
      StreamName: name,
      StreamARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${name}`,
      StreamStatus: 'ACTIVE',
      StreamModeDetails: { StreamMode: 'PROVISIONED' },
      HasMoreShards: false,
      RetentionPeriodHours: 24,
      EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
      EncryptionType: 'NONE',
    })
    expect(stream!.StreamCreationTimestamp).toBeInstanceOf(Date)
    const third = (1n << 128n) / 3n
    const ranges = [0n, 1n, 2n].map((at) => ({
      StartingHashKey: String(at * third),
      EndingHashKey: at === 2n ? LARGEST_HASH_KEY : String((at + 1n) * third - 1n),
    }))
    expect(stream!.Shards!.map((shard) => shard.HashKeyRange)).toEqual(ranges)
    expect(stream!.Shards!.map((shard) => shard.ShardId)).toEqual([
      'shardId-000000000000',
      'shardId-000000000001',
      'shardId-000000000002',
    ])
    for (const shard of stream!.Shards!) {
      expect(shard.SequenceNumberRange!.StartingSequenceNumber).toMatch(/^49\d{54}$/)
      expect(shard.SequenceNumberRange!.EndingSequenceNumber).toBeUndefined()
    }
  })

  it('CreateStream: a name that is taken is ResourceInUseException', async () => {
    const name = await create(1)
    const again = client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1 }))
    await expect(again).rejects.toThrow(ResourceInUseException)
    await expect(again).rejects.toThrow(`Stream ${name} under account 000000000000 already exists.`)
  })

  it('CreateStream: without a number of shards and a mode, it is on demand with four shards', async () => {
    const name = freshName()
    await client.send(new CreateStreamCommand({ StreamName: name }))
    await waitUntilStreamExists({ client, maxWaitTime: 60 }, { StreamName: name })
    const summary = await summaryOf(name)
    expect(summary).toMatchObject({ StreamModeDetails: { StreamMode: 'ON_DEMAND' }, OpenShardCount: 4 })
  })

  it('a stream that is not there is ResourceNotFoundException, by name and by ARN', async () => {
    const byName = client.send(new DescribeStreamSummaryCommand({ StreamName: 'missing' }))
    await expect(byName).rejects.toThrow(ResourceNotFoundException)
    await expect(byName).rejects.toThrow('Stream missing under account 000000000000 not found.')
    const arn = 'arn:aws:kinesis:us-east-1:000000000000:stream/missing'
    const byArn = client.send(new DescribeStreamCommand({ StreamARN: arn }))
    await expect(byArn).rejects.toThrow(ResourceNotFoundException)
  })

  it('an ARN names the stream as its name does', async () => {
    const name = await create(1)
    const { StreamARN, StreamCreationTimestamp } = await summaryOf(name)
    const byArn = await client.send(new DescribeStreamCommand({ StreamARN }))
    expect(byArn.StreamDescription).toMatchObject({ StreamName: name, StreamARN, StreamCreationTimestamp })
  })

  it('DescribeStream: pages by Limit and ExclusiveStartShardId', async () => {
    const name = await create(5)
    const page = async (from?: string) => {
      const more = from === undefined ? {} : { ExclusiveStartShardId: from }
      const command = new DescribeStreamCommand({ StreamName: name, Limit: 2, ...more })
      return (await client.send(command)).StreamDescription!
    }
    const pages = [await page()]
    while (pages.at(-1)!.HasMoreShards) pages.push(await page(pages.at(-1)!.Shards!.at(-1)!.ShardId))
    expect(pages.map((each) => each.Shards!.length)).toEqual([2, 2, 1])
    expect(new Set(pages.flatMap((each) => each.Shards!.map((shard) => shard.ShardId))).size).toBe(5)
  })

  it('ListStreams: the paginator of the SDK goes through all pages, in the order of names, with summaries', async () => {
    const names = [await create(1), await create(1), await create(1)]
    const seen: string[] = []
    for await (const page of paginateListStreams({ client }, { Limit: 2 })) {
      expect(page.StreamNames!.length).toBeLessThanOrEqual(2)
      expect(page.StreamSummaries!.map((summary) => summary.StreamName)).toEqual(page.StreamNames)
      expect(page.HasMoreStreams).toBe(page.NextToken !== undefined)
      seen.push(...page.StreamNames!)
    }
    expect(seen).toEqual(expect.arrayContaining(names))
    expect(seen).toEqual([...new Set(seen)].sort())
    const after = await client.send(new ListStreamsCommand({ ExclusiveStartStreamName: names[0]! }))
    expect(after.StreamNames).not.toContain(names[0])
  })

  it('DeleteStream: the waiter sees it go, and the name can be taken again', async () => {
    const name = await create(1)
    const before = await summaryOf(name)
    await client.send(new DeleteStreamCommand({ StreamName: name }))
    const waited = await waitUntilStreamNotExists({ client, maxWaitTime: 60 }, { StreamName: name })
    expect(waited.state).toBe('SUCCESS')
    await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 2 }))
    await waitUntilStreamExists({ client, maxWaitTime: 60 }, { StreamName: name })
    const after = await summaryOf(name)
    expect(after.OpenShardCount).toBe(2)
    expect(Number(after.StreamCreationTimestamp)).toBeGreaterThanOrEqual(
      Number(before.StreamCreationTimestamp),
    )
  })

  it('a stream that is made again under its name begins anew, also for a client that knew the old one', async () => {
    const name = await create(1)
    for (const text of ['a:old', 'a:new']) {
      await putTexts(client, name, [text])
      expect((await readStream(client, name)).map(textOf)).toEqual([text])
      await client.send(new DeleteStreamCommand({ StreamName: name }))
      await waitUntilStreamNotExists({ client, maxWaitTime: 60 }, { StreamName: name })
      await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1 }))
      expect(await readStream(client, name)).toEqual([])
    }
  })

  it('DeleteStream: refuses a stream with consumers, unless it is told to remove them', async () => {
    const name = await create(1)
    const { StreamARN } = await summaryOf(name)
    await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'reader' }))
    const refused = client.send(new DeleteStreamCommand({ StreamName: name }))
    await expect(refused).rejects.toThrow(ResourceInUseException)
    await client.send(new DeleteStreamCommand({ StreamName: name, EnforceConsumerDeletion: true }))
    await waitUntilStreamNotExists({ client, maxWaitTime: 60 }, { StreamName: name })
  })

  it('retention: grows, shrinks, and refuses what AWS refuses', async () => {
    const name = await create(1)
    const increase = (hours: number) =>
      client.send(new IncreaseStreamRetentionPeriodCommand({ StreamName: name, RetentionPeriodHours: hours }))
    const decrease = (hours: number) =>
      client.send(new DecreaseStreamRetentionPeriodCommand({ StreamName: name, RetentionPeriodHours: hours }))
    await increase(24)
    await increase(48)
    expect((await summaryOf(name)).RetentionPeriodHours).toBe(48)
    await expect(increase(30)).rejects.toMatchObject({ name: 'InvalidArgumentException' })
    await expect(increase(8761)).rejects.toMatchObject({ name: 'InvalidArgumentException' })
    await expect(decrease(72)).rejects.toMatchObject({ name: 'InvalidArgumentException' })
    await expect(decrease(23)).rejects.toMatchObject({ name: 'InvalidArgumentException' })
    await decrease(24)
    expect((await summaryOf(name)).RetentionPeriodHours).toBe(24)
  })
})
