// Imports from a Kinesis endpoint into another broker, both in this process.
import {
  CreateStreamCommand,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis'
import { importFromAws, type ImportTask } from '@millrace/kinesis/migration'
import { aggregate, connect, type NamedDocument } from 'millrace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  byKey,
  hastyWorld,
  makeStream,
  numbersOf,
  putNumbers,
  recordsOf,
  twoSides,
  type TwoSides,
} from './support/two-sides.ts'

let sides: TwoSides
beforeEach(async () => {
  sides = await twoSides()
})
afterEach(() => sides[Symbol.asyncDispose]())

const never = new AbortController().signal

function run(task: Partial<ImportTask> = {}) {
  const { client, endpoint } = sides
  const whole = { endpoint: endpoint.url, stream: 'clicks', to: 'copied', signal: never, ...task }
  return importFromAws(client, whole, hastyWorld)
}

describe('importFromAws', () => {
  it('copies keys, data, times and placement into a stream that it makes, and names the origin of each record', async () => {
    const { kinesis, client } = sides
    await kinesis.send(
      new CreateStreamCommand({ StreamName: 'clicks', ShardCount: 2, MaxRecordSizeInKiB: 10_240 }),
    )
    const large = Buffer.alloc(10 * 1024 * 1024 - 'large'.length, 7)
    const put = (PartitionKey: string, Data: Uint8Array, ExplicitHashKey?: string) =>
      kinesis.send(new PutRecordCommand({ StreamName: 'clicks', PartitionKey, Data, ExplicitHashKey }))
    await put('empty', new Uint8Array())
    const placed = [
      await put('placed', Buffer.from('low'), '1'),
      await put('placed', Buffer.from('high'), String(2n ** 128n - 1n)),
    ]
    const { ShardId, SequenceNumber } = await put('large', large)

    expect(await run()).toMatchObject({ records: 4, isTargetMade: true, isResumed: false, alreadyStored: 0 })

    const records = await recordsOf(client, 'copied')
    const found = (data: string) => records.find((record) => Buffer.from(record.data).toString() === data)!
    expect((await client.describeStream('copied')).openShardCount).toBe(2)
    expect(found('').partitionKey).toBe('empty')
    expect([found('low').shardId, found('high').shardId]).toEqual(placed.map((one) => one.ShardId))
    const copied = records.find(({ partitionKey }) => partitionKey === 'large')!
    expect(Buffer.from(copied.data).equals(large)).toBe(true)
    const headers = Object.entries(copied.headers).map(([name, value]) => [
      name,
      Buffer.from(value).toString(),
    ])
    expect(Object.fromEntries(headers)).toEqual({
      'aws-stream': 'arn:aws:kinesis:us-east-1:000000000000:stream/clicks',
      'aws-shard-id': ShardId,
      'aws-sequence-number': SequenceNumber,
    })
    expect(copied.timestamp.getTime()).toBeLessThanOrEqual(copied.arrivalTime.getTime())
    expect(new Set(records.map(({ timestamp }) => timestamp.getTime()))).toEqual(new Set(await arrivals()))
  })

  /** The times of arrival at the source. */
  async function arrivals(): Promise<number[]> {
    await using native = await connect(sides.endpoint.brokerUrl)
    return (await recordsOf(native, 'clicks')).map(({ arrivalTime }) => arrivalTime.getTime())
  }

  it('keeps the order of each key through splits and merges of a source that it follows', async () => {
    const { kinesis, client } = sides
    const KEYS = 12
    await makeStream(kinesis, 'clicks', 2)
    await client.createStream('copied', { shards: 3 })
    const stop = new AbortController()
    const work = run({ follow: true, signal: stop.signal })
    await putNumbers(kinesis, 'clicks', { keys: KEYS, from: 0, count: 20 })
    const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName: 'clicks' }))
    const middle = (BigInt(Shards![0]!.HashKeyRange!.EndingHashKey!) + 1n) / 2n
    await kinesis.send(
      new SplitShardCommand({
        StreamName: 'clicks',
        ShardToSplit: Shards![0]!.ShardId,
        NewStartingHashKey: String(middle),
      }),
    )
    await putNumbers(kinesis, 'clicks', { keys: KEYS, from: 20, count: 20 })
    await kinesis.send(
      new MergeShardsCommand({
        StreamName: 'clicks',
        ShardToMerge: 'shardId-000000000003',
        AdjacentShardToMerge: Shards![1]!.ShardId,
      }),
    )
    await putNumbers(kinesis, 'clicks', { keys: KEYS, from: 40, count: 20 })
    let seen = 0
    for await (const _ of client.read('copied', { follow: true })) if (++seen === KEYS * 60) break
    stop.abort()

    expect(await work).toMatchObject({ records: KEYS * 60, alreadyStored: 0 })
    expect(byKey(await recordsOf(client, 'copied'))).toEqual(numbersOf(KEYS, 60))
  })

  it('copies all that is there, also where more records than a page has came at one time', async () => {
    const { kinesis, endpoint } = sides
    await makeStream(kinesis, 'clicks', 1)
    await using native = await connect(endpoint.brokerUrl)
    await using producer = await native.producer('clicks')
    await producer.pushAll(Array.from({ length: 25_000 }, () => ({ partitionKey: 'ada', data: 'x' })))
    expect(await run()).toMatchObject({ records: 25_000 })
  })

  it('goes on after a stop with what it has not copied yet', async () => {
    const { kinesis, client } = sides
    await makeStream(kinesis, 'clicks', 2)
    await putNumbers(kinesis, 'clicks', { keys: 5, from: 0, count: 10 })
    expect(await run()).toMatchObject({ records: 50, isResumed: false })
    expect(await run()).toMatchObject({ records: 0, isResumed: true, alreadyStored: 0 })
    await putNumbers(kinesis, 'clicks', { keys: 5, from: 10, count: 10 })
    expect(await run()).toMatchObject({ records: 50, isResumed: true, alreadyStored: 0 })
    expect(byKey(await recordsOf(client, 'copied'))).toEqual(numbersOf(5, 20))
  })

  it('copies nothing twice that it stored and did not live to note', async () => {
    const { kinesis, client } = sides
    await makeStream(kinesis, 'clicks', 2)
    await putNumbers(kinesis, 'clicks', { keys: 5, from: 0, count: 10 })
    await run()
    const noted = await theDocument()
    await putNumbers(kinesis, 'clicks', { keys: 5, from: 10, count: 10 })
    await run()
    // As if the second run had died before it noted anything.
    await client.documents('kinesis-imports').put(noted.name, noted.value)
    await putNumbers(kinesis, 'clicks', { keys: 5, from: 20, count: 10 })

    expect(await run()).toMatchObject({ records: 50, alreadyStored: 50, isResumed: true })
    expect(byKey(await recordsOf(client, 'copied'))).toEqual(numbersOf(5, 30))
    expect(await run()).toMatchObject({ records: 0, alreadyStored: 0 })
  })

  it('may copy again what it did not note, where records have no headers', async () => {
    const { kinesis, client } = sides
    await makeStream(kinesis, 'clicks', 1)
    await putNumbers(kinesis, 'clicks', { keys: 1, from: 0, count: 1 })
    await run({ withHeaders: false })
    const noted = await theDocument()
    await putNumbers(kinesis, 'clicks', { keys: 1, from: 1, count: 1 })
    await run({ withHeaders: false })
    await client.documents('kinesis-imports').put(noted.name, noted.value)
    await run({ withHeaders: false })
    const records = await recordsOf(client, 'copied')
    expect(byKey(records)).toEqual({ 'key-0': ['0', '1', '1'] })
    expect(records.every(({ headers }) => Object.keys(headers).length === 0)).toBe(true)
  })

  it('ends a run whose import another run has taken over', async () => {
    const { kinesis, client } = sides
    await makeStream(kinesis, 'clicks', 1)
    await client.createStream('copied')
    const stop = new AbortController()
    const first = run({ follow: true, signal: stop.signal })
    const end = first.then(
      () => 'done',
      (error: Error) => error.name,
    )
    await putNumbers(kinesis, 'clicks', { keys: 1, from: 0, count: 1 })
    for await (const _ of client.read('copied', { follow: true })) break
    await run()
    await putNumbers(kinesis, 'clicks', { keys: 1, from: 1, count: 1 })
    expect(await end).toBe('ImportDisplaced')
    stop.abort()
  })

  it('takes user records out of aggregates where it is told to', async () => {
    const { kinesis, client } = sides
    await makeStream(kinesis, 'clicks', 1)
    const users = ['a', 'b', 'a'].map((partitionKey, number) => ({
      partitionKey,
      data: Buffer.from(String(number)),
    }))
    const aggregates = [...aggregate(users)]
    for (const { partitionKey, data } of aggregates) {
      await kinesis.send(
        new PutRecordCommand({ StreamName: 'clicks', PartitionKey: partitionKey, Data: data }),
      )
    }
    await run({ to: 'whole' })
    await run({ to: 'apart', deaggregate: true })
    const whole = await recordsOf(client, 'whole')
    expect(whole.map(({ data }) => Buffer.from(data))).toEqual(
      aggregates.map(({ data }) => Buffer.from(data)),
    )
    const apart = await recordsOf(client, 'apart')
    expect(byKey(apart)).toEqual({ a: ['0', '2'], b: ['1'] })
    const places = apart.flatMap(({ partitionKey, headers }) =>
      partitionKey === 'a' ? [Buffer.from(headers['aws-sub-sequence-number']!).toString()] : [],
    )
    expect(places).toEqual(['0', '1'])
  })

  it('names a stream that is not there, and leaves no target behind', async () => {
    await expect(run()).rejects.toThrow('Stream clicks under account 000000000000 not found.')
    await expect(sides.client.describeStream('copied')).rejects.toMatchObject({ code: 'streamNotFound' })
  })

  async function theDocument(): Promise<NamedDocument<unknown>> {
    for await (const document of sides.client.documents('kinesis-imports').list()) return document
    throw new Error('There is no document.')
  }
})
