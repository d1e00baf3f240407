// What AWS clients put is read by native clients, and the other way round; groups and AWS consumers share a stream.
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  ListTagsForStreamCommand,
  PutRecordCommand,
  SplitShardCommand,
  waitUntilStreamExists,
  type KinesisClient,
} from '@aws-sdk/client-kinesis'
import { aggregate, aggregated } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aggregateOf, deaggregate } from '../support/aggregates.ts'
import { freshName, TestEndpoint } from '../support/endpoint.ts'
import { bytes, putTexts, readStream, shardsOf, textOf } from '../support/sdk.ts'

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
const readNative = async (stream: string) => {
  const records: { partitionKey: string; text: string; shardId: string }[] = []
  for await (const record of endpoint.native.read(stream)) {
    const { partitionKey, shardId } = record
    records.push({ partitionKey, shardId, text: Buffer.from(record.bytes).toString() })
  }
  return records
}

describe('native and AWS clients', () => {
  it('a stream of the native client is one of AWS clients, and the other way round', async () => {
    const native = freshName('native')
    await endpoint.native.createStream(native, { shards: 3 })
    await waitUntilStreamExists({ client, maxWaitTime: 60 }, { StreamName: native })
    const summary = await client.send(new DescribeStreamSummaryCommand({ StreamName: native }))
    expect(summary.StreamDescriptionSummary).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 3 })
    const tags = await client.send(new ListTagsForStreamCommand({ StreamName: native }))
    expect(tags.Tags).toEqual([])
    const name = await create(2)
    expect((await endpoint.native.listShards(name).page()).items).toHaveLength(2)
    await endpoint.native.deleteStream(native)
    const gone = client.send(new DescribeStreamSummaryCommand({ StreamName: native }))
    await expect(gone).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })

  it('records are the same bytes and keys in both worlds', async () => {
    const name = await create(3)
    const texts = Array.from({ length: 40 }, (_, at) => `schlüssel-${at % 7}:${at}`)
    await putTexts(client, name, texts.slice(0, 20))
    for (const text of texts.slice(20)) {
      await endpoint.native.put(name, { partitionKey: text.split(':')[0]!, data: text })
    }
    const native = await readNative(name)
    const aws = await readStream(client, name)
    expect(native.map((record) => record.text).toSorted()).toEqual(texts.toSorted())
    expect(aws.map(textOf).toSorted()).toEqual(texts.toSorted())
    const keyOf = new Map(native.map((record) => [record.text, record.partitionKey]))
    for (const record of aws) expect(record.PartitionKey).toBe(keyOf.get(textOf(record)))
  })

  it('headers of a native record do not hide it from AWS clients', async () => {
    const name = await create(1)
    await endpoint.native.put(name, { partitionKey: 'a', data: 'with', headers: { trace: '1' } })
    await putTexts(client, name, ['a:after'])
    expect((await readStream(client, name)).map(textOf)).toEqual(['with', 'a:after'])
  })

  it('a split by the native client is the end of a shard for AWS clients', async () => {
    const name = await create(1)
    await putTexts(client, name, ['a:0'])
    const [shard] = (await endpoint.native.listShards(name).page()).items
    await endpoint.native.splitShard(name, shard!.shardId)
    await putTexts(client, name, ['a:1'])
    expect(await shardsOf(client, name)).toHaveLength(3)
    expect((await readStream(client, name)).map(textOf)).toEqual(['a:0', 'a:1'])
  })

  it('a split by an AWS client does not disturb a native reader', async () => {
    const name = await create(1)
    await putTexts(client, name, ['a:0', 'b:0'])
    await client.send(
      new SplitShardCommand({
        StreamName: name,
        ShardToSplit: 'shardId-000000000000',
        NewStartingHashKey: String(1n << 127n),
      }),
    )
    await expect.poll(async () => (await shardsOf(client, name)).length).toBe(3)
    await putTexts(client, name, ['a:1', 'b:1'])
    const texts = (await readNative(name)).map((record) => record.text)
    expect(texts.toSorted()).toEqual(['a:0', 'a:1', 'b:0', 'b:1'])
    expect(texts.indexOf('a:0')).toBeLessThan(texts.indexOf('a:1'))
    expect(texts.indexOf('b:0')).toBeLessThan(texts.indexOf('b:1'))
  })

  it('a group of native members and an AWS reader each get everything', async () => {
    const name = await create(2)
    const texts = Array.from({ length: 60 }, (_, at) => `key-${at % 6}:${at}`)
    await putTexts(client, name, texts)
    const got: string[] = []
    const group = endpoint.native.group({ name: freshName('group'), stream: name, memberId: 'one' })
    const running = group.run((records) => {
      for (const record of records) got.push(Buffer.from(record.bytes).toString())
    })
    await expect.poll(() => got.length).toBe(texts.length)
    expect(got.toSorted()).toEqual(texts.toSorted())
    expect((await readStream(client, name)).map(textOf).toSorted()).toEqual(texts.toSorted())
    await group.stop()
    await running
  })
})

describe('aggregated records', () => {
  it('what the package of its makers aggregates is read by the native client, and taken apart', async () => {
    const name = await create(1)
    const users = [
      { partitionKey: 'ada', text: 'one' },
      { partitionKey: 'bob', text: 'two' },
      { partitionKey: 'ada', text: 'three' },
    ]
    const entry = await aggregateOf(users)
    await client.send(new PutRecordCommand({ StreamName: name, ...entry }))
    const inside = []
    for await (const { data } of endpoint.native.read(name, { codec: aggregated() })) inside.push(...data)
    expect(
      inside.map(({ partitionKey, data }) => ({
        partitionKey,
        text: Buffer.from(data).toString(),
      })),
    ).toEqual(users)
    const [record] = await readStream(client, name)
    expect(await deaggregate(record!)).toEqual(users)
  })

  it('what the native client aggregates is taken apart by the package of its makers', async () => {
    const name = await create(2)
    const { items: shards } = await endpoint.native.listShards(name).page()
    const users = ['ada', 'bob', 'cid', 'dee'].map((user) => ({
      partitionKey: user,
      data: bytes(`by ${user}`),
    }))
    for (const record of aggregate(users, { shards })) await endpoint.native.put(name, record)
    const inside = await Promise.all((await readStream(client, name)).map(deaggregate))
    const found = inside.flat().toSorted((a, b) => (a.partitionKey < b.partitionKey ? -1 : 1))
    expect(found).toEqual(users.map(({ partitionKey }) => ({ partitionKey, text: `by ${partitionKey}` })))
  })
})
