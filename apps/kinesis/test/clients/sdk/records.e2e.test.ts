// Writing and reading records, as the JavaScript SDK does over h2c, its default.
import {
  CreateStreamCommand,
  DryRunOperationException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  InvalidArgumentException,
  PutRecordCommand,
  PutRecordsCommand,
  UpdateMaxRecordSizeCommand,
  type GetShardIteratorCommandInput,
  type KinesisClient,
} from '@aws-sdk/client-kinesis'
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName, TestEndpoint } from '../support/endpoint.ts'
import { bytes, numbersByKey, putTexts, readShard, readStream, shardsOf, textOf } from '../support/sdk.ts'

const MIB = 1024 * 1024

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
const iterator = async (
  stream: string,
  position: Omit<GetShardIteratorCommandInput, 'StreamName' | 'ShardId'>,
) => {
  const command = new GetShardIteratorCommand({
    StreamName: stream,
    ShardId: 'shardId-000000000000',
    ...position,
  })
  return (await client.send(command)).ShardIterator!
}
const textsFrom = async (shardIterator: string, limit?: number) => {
  const answer = await client.send(
    new GetRecordsCommand({ ShardIterator: shardIterator, ...(limit === undefined ? {} : { Limit: limit }) }),
  )
  return answer.Records!.map(textOf)
}

describe('writing', () => {
  it('PutRecord: the record lies in the shard of the MD5 of its key, under the number that was answered', async () => {
    const name = await create(4)
    const put = await client.send(
      new PutRecordCommand({ StreamName: name, PartitionKey: 'ada', Data: bytes('page') }),
    )
    const hash = BigInt(`0x${createHash('md5').update('ada').digest('hex')}`)
    const shard = (await shardsOf(client, name)).find(
      ({ HashKeyRange }) =>
        BigInt(HashKeyRange!.StartingHashKey!) <= hash && hash <= BigInt(HashKeyRange!.EndingHashKey!),
    )
    expect(put.ShardId).toBe(shard!.ShardId)
    expect(put.SequenceNumber).toMatch(/^49\d{54}$/)
    expect(put.EncryptionType).toBeUndefined()
    const [record, ...rest] = await readShard(client, name, put.ShardId!)
    expect(rest).toEqual([])
    expect(record).toMatchObject({ PartitionKey: 'ada', SequenceNumber: put.SequenceNumber })
    expect(textOf(record!)).toBe('page')
    expect(record!.ApproximateArrivalTimestamp).toBeInstanceOf(Date)
    expect(record!.EncryptionType).toBeUndefined()
  })

  it('PutRecord: an explicit hash key decides the shard, and only one of 128 bits is taken', async () => {
    const name = await create(2)
    const put = (hashKey: string) =>
      client.send(
        new PutRecordCommand({
          StreamName: name,
          PartitionKey: 'a',
          ExplicitHashKey: hashKey,
          Data: bytes(''),
        }),
      )
    expect((await put('0')).ShardId).toBe('shardId-000000000000')
    expect((await put(String(2n ** 128n - 1n))).ShardId).toBe('shardId-000000000001')
    await expect(put(String(2n ** 128n))).rejects.toThrow(InvalidArgumentException)
  })

  it('PutRecord: the number for ordering makes the next one larger', async () => {
    const name = await create(1)
    const put = async (after?: string) => {
      const order = after === undefined ? {} : { SequenceNumberForOrdering: after }
      const command = new PutRecordCommand({
        StreamName: name,
        PartitionKey: 'a',
        Data: bytes('x'),
        ...order,
      })
      return (await client.send(command)).SequenceNumber!
    }
    const first = await put()
    const second = await put(first)
    expect(BigInt(second)).toBeGreaterThan(BigInt(first))
    const tomorrow = BigInt(second) + (86_400n << 40n)
    await expect(put(String(tomorrow))).rejects.toThrow(InvalidArgumentException)
  })

  it('PutRecords: answers for each record in order, and each shard keeps the order of the request', async () => {
    const name = await create(3)
    const texts = Array.from({ length: 500 }, (_, at) => `key-${at % 20}:${at}`)
    const answer = await putTexts(client, name, texts)
    expect(answer.FailedRecordCount).toBe(0)
    expect(answer.Records).toHaveLength(500)
    const numbers = answer.Records!.map((record) => `${record.ShardId}/${record.SequenceNumber}`)
    expect(new Set(numbers).size).toBe(500)
    const placeOf = new Map(texts.map((text, at) => [text, numbers[at]]))
    for (const { ShardId } of await shardsOf(client, name)) {
      const records = await readShard(client, name, ShardId!)
      expect(records.map((record) => `${ShardId}/${record.SequenceNumber}`)).toEqual(
        records.map((record) => placeOf.get(textOf(record))),
      )
    }
    const byKey = numbersByKey(await readStream(client, name))
    expect([...byKey.values()].flat()).toHaveLength(500)
    for (const list of byKey.values()) expect(list).toEqual(list.toSorted((a, b) => a - b))
  })

  it('PutRecords: one bad hash key refuses the whole request, and nothing is stored', async () => {
    const name = await create(1)
    const entry = { PartitionKey: 'a', Data: bytes('x') }
    const bad = { ...entry, ExplicitHashKey: String(2n ** 128n) }
    const call = client.send(new PutRecordsCommand({ StreamName: name, Records: [entry, bad] }))
    await expect(call).rejects.toThrow(InvalidArgumentException)
    expect(await readStream(client, name)).toEqual([])
  })

  it('PutRecords: 501 records are refused by AWS wording', async () => {
    const name = await create(1)
    const call = putTexts(
      client,
      name,
      Array.from({ length: 501 }, (_, at) => `a:${at}`),
    )
    await expect(call).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining('Member must have length less than or equal to 500') as string,
    })
  })

  it('a record of 10 MiB is refused, until the stream takes records of that size', async () => {
    const name = await create(1)
    const data = randomBytes(10 * MIB - 1)
    const put = () => client.send(new PutRecordCommand({ StreamName: name, PartitionKey: 'a', Data: data }))
    await expect(put()).rejects.toMatchObject({ name: 'ValidationException' })
    const StreamARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${name}`
    await client.send(new UpdateMaxRecordSizeCommand({ StreamARN, MaxRecordSizeInKiB: 10_240 }))
    const { SequenceNumber } = await put()
    const records = await readStream(client, name)
    expect(records.map((record) => record.SequenceNumber)).toEqual([SequenceNumber])
    expect(Buffer.compare(data, records[0]!.Data!)).toBe(0)
  })

  it('a record may be empty, and its key may be any text', async () => {
    const name = await create(1)
    const keys = ['é', '日本', '😀'.repeat(64), 'a'.repeat(256), ' ']
    for (const PartitionKey of keys) {
      await client.send(new PutRecordCommand({ StreamName: name, PartitionKey, Data: new Uint8Array() }))
    }
    const records = await readStream(client, name)
    expect(records.map((record) => record.PartitionKey)).toEqual(keys)
    for (const record of records) expect(record.Data).toHaveLength(0)
  })

  it('DryRun: a call that would work says so, and stores nothing', async () => {
    const name = await create(1)
    const record = { PartitionKey: 'a', Data: bytes('x') }
    const put = client.send(new PutRecordCommand({ StreamName: name, ...record, DryRun: true }))
    await expect(put).rejects.toThrow(DryRunOperationException)
    const puts = client.send(new PutRecordsCommand({ StreamName: name, Records: [record], DryRun: true }))
    await expect(puts).rejects.toThrow(DryRunOperationException)
    const missing = client.send(new PutRecordCommand({ StreamName: 'missing', ...record, DryRun: true }))
    await expect(missing).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    expect(await readStream(client, name)).toEqual([])
  })
})

describe('reading', () => {
  it('each type of iterator begins where it says', async () => {
    const name = await create(1)
    const texts = ['a:0', 'a:1', 'a:2', 'a:3']
    const put = await putTexts(client, name, texts)
    const StartingSequenceNumber = put.Records![2]!.SequenceNumber
    expect(await textsFrom(await iterator(name, { ShardIteratorType: 'TRIM_HORIZON' }))).toEqual(texts)
    const at = { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber } as const
    expect(await textsFrom(await iterator(name, at))).toEqual(['a:2', 'a:3'])
    const after = { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber } as const
    expect(await textsFrom(await iterator(name, after))).toEqual(['a:3'])
    const longAgo = { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(0) } as const
    expect(await textsFrom(await iterator(name, longAgo))).toEqual(texts)
    const latest = await iterator(name, { ShardIteratorType: 'LATEST' })
    expect(await textsFrom(latest)).toEqual([])
    await putTexts(client, name, ['a:4'])
    expect(await textsFrom(latest)).toEqual(['a:4'])
  })

  it('AT_TIMESTAMP begins at the first record that arrived then or later', async () => {
    const name = await create(1)
    await putTexts(client, name, ['a:0'])
    const [first] = await readStream(client, name)
    const arrived = Number(first!.ApproximateArrivalTimestamp)
    await expect.poll(() => Date.now()).toBeGreaterThan(arrived + 2)
    await putTexts(client, name, ['a:1'])
    const Timestamp = new Date(arrived + 1)
    const between = await iterator(name, { ShardIteratorType: 'AT_TIMESTAMP', Timestamp })
    expect(await textsFrom(between)).toEqual(['a:1'])
  })

  it('GetRecords: goes on from NextShardIterator, and an iterator may be used again', async () => {
    const name = await create(1)
    await putTexts(client, name, ['a:0', 'a:1', 'a:2'])
    const first = await iterator(name, { ShardIteratorType: 'TRIM_HORIZON' })
    expect(await textsFrom(first, 2)).toEqual(['a:0', 'a:1'])
    const again = await client.send(new GetRecordsCommand({ ShardIterator: first, Limit: 2 }))
    expect(again.Records!.map(textOf)).toEqual(['a:0', 'a:1'])
    expect(again.ChildShards).toBeUndefined()
    expect(await textsFrom(again.NextShardIterator!)).toEqual(['a:2'])
  })

  it('GetRecords: says how far behind it is, and 0 at the tip', async () => {
    const name = await create(1)
    await putTexts(client, name, ['a:0', 'a:1'])
    const first = await iterator(name, { ShardIteratorType: 'TRIM_HORIZON' })
    const part = await client.send(new GetRecordsCommand({ ShardIterator: first, Limit: 1 }))
    expect(part.MillisBehindLatest).toBeGreaterThanOrEqual(0)
    const rest = await client.send(new GetRecordsCommand({ ShardIterator: part.NextShardIterator! }))
    expect(rest.MillisBehindLatest).toBe(0)
  })

  it('iterators and limits that mean nothing are InvalidArgumentException, never a failure of the server', async () => {
    const name = await create(1)
    const good = await iterator(name, { ShardIteratorType: 'TRIM_HORIZON' })
    const altered = `${good.slice(0, -8)}${good.at(-8) === 'A' ? 'B' : 'A'}${good.slice(-7)}`
    for (const ShardIterator of ['garbage', altered, good.slice(4), `${good}AAAA`]) {
      const call = client.send(new GetRecordsCommand({ ShardIterator }))
      await expect(call).rejects.toMatchObject({ name: 'InvalidArgumentException' })
    }
    const call = client.send(new GetRecordsCommand({ ShardIterator: good, Limit: 10_001 }))
    await expect(call).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } })
  })

  it('GetShardIterator: refuses a number of another shard, and a shard that is not there', async () => {
    const name = await create(2)
    const put = await client.send(
      new PutRecordCommand({
        StreamName: name,
        PartitionKey: 'a',
        ExplicitHashKey: String(2n ** 128n - 1n),
        Data: bytes('x'),
      }),
    )
    const wrong = iterator(name, {
      ShardIteratorType: 'AT_SEQUENCE_NUMBER',
      StartingSequenceNumber: put.SequenceNumber!,
    })
    await expect(wrong).rejects.toThrow(InvalidArgumentException)
    const missing = client.send(
      new GetShardIteratorCommand({
        StreamName: name,
        ShardId: 'shardId-000000000009',
        ShardIteratorType: 'LATEST',
      }),
    )
    await expect(missing).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: `Shard shardId-000000000009 in stream ${name} under account 000000000000 does not exist`,
    })
  })
})
