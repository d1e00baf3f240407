// The limits of the service as its SDK meets them, to the record and the call: the clocks of broker and endpoint stand still.
import {
  CreateStreamCommand,
  DescribeLimitsCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  PutRecordCommand,
  PutRecordsCommand,
  type KinesisClient,
  type PutRecordsRequestEntry,
} from '@aws-sdk/client-kinesis'
import { endpointDefaults } from '@millrace/kinesis'
import { describe, expect, it } from 'vitest'
import { freshName, TestEndpoint } from '../support/endpoint.ts'
import { bytes, putTexts, readStream, textOf } from '../support/sdk.ts'

const KiB = 1024
const FIRST = 'shardId-000000000000'
const ACCOUNT = endpointDefaults.account
const REFUSED = 'ProvisionedThroughputExceededException'

async function opened(limits: 'none' | 'kinesis' = 'kinesis') {
  let ms = Date.now()
  const now = () => ms
  const endpoint = await TestEndpoint.start(
    { clock: now, settings: { limits } },
    { clock: now, elapsed: now },
  )
  const move = (by: number): void => void (ms += by)
  return {
    endpoint,
    client: endpoint.client(),
    move,
    [Symbol.asyncDispose]: () => endpoint[Symbol.asyncDispose](),
  }
}

async function create(client: KinesisClient, more: { MaxRecordSizeInKiB?: number } = {}): Promise<string> {
  const name = freshName()
  await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1, ...more }))
  return name
}

const iterator = async (
  client: KinesisClient,
  stream: string,
  type: 'LATEST' | 'TRIM_HORIZON' = 'TRIM_HORIZON',
) => {
  const command = { StreamName: stream, ShardId: FIRST, ShardIteratorType: type }
  return (await client.send(new GetShardIteratorCommand(command))).ShardIterator!
}

/** How each of these calls, one after another, ends. */
async function ends(count: number, call: () => Promise<unknown>): Promise<string[]> {
  const names: string[] = []
  for (let at = 0; at < count; at++) {
    names.push(
      await call().then(
        () => 'done',
        (error: unknown) => (error as Error).name,
      ),
    )
  }
  return names
}

describe('writes', () => {
  it('of 1,000 records are stored and every further one is refused, and each millisecond makes room for one', async () => {
    await using world = await opened()
    const { client, move } = world
    const name = await create(client)
    const texts = Array.from({ length: 500 }, (_, at) => `a:${at}`)
    const failed = []
    for (let round = 0; round < 4; round++)
      failed.push((await putTexts(client, name, texts)).FailedRecordCount)
    expect(failed).toEqual([0, 0, 500, 500])
    move(20)
    const { FailedRecordCount, Records } = await putTexts(client, name, texts)
    expect(FailedRecordCount).toBe(480)
    expect(Records!.slice(0, 20).map(({ ErrorCode }) => ErrorCode)).toEqual(Array(20).fill(undefined))
    move(2000)
    expect(await readStream(client, name)).toHaveLength(1020)
  })

  it('that do not fit are refused in their entries, and those that do are stored in their order', async () => {
    await using world = await opened()
    const { client, move } = world
    const name = await create(client)
    const entry = (text: string, size: number): PutRecordsRequestEntry => ({
      PartitionKey: 'a',
      Data: bytes(text.padEnd(size, '.')),
    })
    const entries = [
      entry('first', 600 * KiB),
      entry('too large', 500 * KiB),
      entry('second', 400 * KiB),
      // The key is a byte too.
      entry('a byte too large', 24 * KiB - 2),
      entry('third', 24 * KiB - 3),
      entry('', 0),
    ]
    const answer = await client.send(new PutRecordsCommand({ StreamName: name, Records: entries }))
    expect(answer.FailedRecordCount).toBe(3)
    expect(answer.Records!.map(({ ErrorCode }) => ErrorCode)).toEqual([
      undefined,
      REFUSED,
      undefined,
      REFUSED,
      undefined,
      REFUSED,
    ])
    expect(answer.Records![1]).toEqual({
      ErrorCode: REFUSED,
      ErrorMessage: `Rate exceeded for shard ${FIRST} in stream ${name} under account ${ACCOUNT}.`,
    })
    await expect(
      client.send(new PutRecordCommand({ StreamName: name, PartitionKey: 'a', Data: bytes('x') })),
    ).rejects.toMatchObject({ name: REFUSED, message: answer.Records![1]!.ErrorMessage })
    move(2000)
    const stored = await readStream(client, name)
    expect(stored.map((record) => textOf(record).replaceAll('.', ''))).toEqual(['first', 'second', 'third'])
  })

  it('of a record larger than a second of the shard pass, and are paid for before the next', async () => {
    await using world = await opened()
    const { client, move } = world
    const name = await create(client, { MaxRecordSizeInKiB: 10 * KiB })
    const put = (size: number) =>
      client.send(new PutRecordCommand({ StreamName: name, PartitionKey: 'a', Data: new Uint8Array(size) }))
    expect((await put(4 * KiB * KiB - 1)).ShardId).toBe(FIRST)
    move(2999)
    await expect(put(1023)).rejects.toMatchObject({ name: REFUSED })
    move(2)
    expect((await put(1)).ShardId).toBe(FIRST)
    const ShardIterator = await iterator(client, name)
    const read = () => client.send(new GetRecordsCommand({ ShardIterator }))
    expect((await read()).Records!.map(({ Data }) => Data!.length)).toEqual([4 * KiB * KiB - 1, 1])
    move(1999)
    await expect(read()).rejects.toMatchObject({
      name: REFUSED,
      message: `Rate exceeded for Shard - ${ACCOUNT}/${name}/${FIRST}`,
    })
  })
})

describe('reads', () => {
  it('are five a second, and asking for iterators takes none of them', async () => {
    await using world = await opened()
    const { client, move } = world
    const name = await create(client)
    await putTexts(client, name, ['a:0'])
    const ShardIterator = await iterator(client, name, 'LATEST')
    const asked = await ends(5, () => iterator(client, name, 'LATEST'))
    expect(asked).toEqual(['done', 'done', 'done', 'done', REFUSED])
    const read = () => client.send(new GetRecordsCommand({ ShardIterator }))
    expect(await ends(6, read)).toEqual(['done', 'done', 'done', 'done', 'done', REFUSED])
    move(200)
    expect(await ends(2, read)).toEqual(['done', REFUSED])
    expect(await ends(2, () => iterator(client, name))).toEqual(['done', REFUSED])
  })

  it('count what is returned, and not what is stored around it', async () => {
    await using world = await opened('none')
    const { client, endpoint } = world
    const name = freshName()
    const shardLimits = { readBytesPerSecond: 100_000, readsPerSecond: 10 }
    await endpoint.native.createStream(name, { shards: 1, shardLimits })
    const ofSize = (size: number) => ({ partitionKey: 'a', data: new Uint8Array(size) })
    await endpoint.native.putMany(name, [ofSize(10_000), ofSize(99_999)])
    const ShardIterator = await iterator(client, name)
    const read = (Limit: number) => client.send(new GetRecordsCommand({ ShardIterator, Limit }))
    expect((await read(1)).Records).toHaveLength(1)
    world.move(1000)
    expect((await read(2)).Records).toHaveLength(2)
    // 110,001 bytes are returned: that is 1,101 ms.
    world.move(1100)
    await expect(read(1)).rejects.toMatchObject({ name: REFUSED })
  })
})

describe('figures of a stream', () => {
  it('that a native client changes hold within seconds', async () => {
    await using world = await opened('none')
    const { client, endpoint, move } = world
    const name = freshName()
    await endpoint.native.createStream(name, { shards: 1, shardLimits: { writeRecordsPerSecond: 2 } })
    const failed = async () => (await putTexts(client, name, ['a:0', 'a:1', 'a:2'])).FailedRecordCount
    expect(await failed()).toBe(1)
    await endpoint.native.updateStream(name, { shardLimits: 'none' })
    move(5000)
    await expect.poll(failed).toBe(0)
    expect(await failed()).toBe(0)
  })
})

describe('calls of the control plane', () => {
  it('beyond the rate of the service are refused where its limits are on, until time has passed', async () => {
    await using world = await opened()
    const { client, move } = world
    const call = () => client.send(new DescribeLimitsCommand())
    expect((await call()).ShardLimit).toBeGreaterThan(0)
    await expect(call()).rejects.toMatchObject({
      name: 'LimitExceededException',
      message: `Rate exceeded for account ${ACCOUNT}.`,
    })
    move(1000)
    expect((await call()).ShardLimit).toBeGreaterThan(0)
  })

  it('are not counted where they are off', async () => {
    await using world = await opened('none')
    const { client } = world
    expect(new Set(await ends(50, () => client.send(new DescribeLimitsCommand())))).toEqual(new Set(['done']))
  })
})

describe('many requests at once', () => {
  it('over one connection and many warn of nothing', async () => {
    await using world = await opened('none')
    const warnings: string[] = []
    const warned = (warning: Error): void => void warnings.push(String(warning))
    process.on('warning', warned)
    try {
      for (const transport of ['h2c', 'http/1.1'] as const) {
        const client = world.endpoint.client({ transport })
        const name = await create(client)
        const ShardIterator = await iterator(client, name)
        await Promise.all(
          Array.from({ length: 50 }, async (_, at) => {
            await putTexts(client, name, [`a:${at}`])
            await client.send(new GetRecordsCommand({ ShardIterator }))
          }),
        )
        expect(await readStream(client, name)).toHaveLength(50)
      }
    } finally {
      process.off('warning', warned)
    }
    expect(warnings.filter((warning) => warning.includes('MaxListeners'))).toEqual([])
  })
})
