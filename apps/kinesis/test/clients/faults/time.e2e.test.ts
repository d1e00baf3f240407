// What time does: iterators and tokens end, retention takes records away, limits fill up again. The clocks are the tests'.
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListShardsCommand,
  PutRecordCommand,
  type KinesisClient,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { freshName, TestEndpoint } from '../support/endpoint.ts'
import { bytes, putTexts, readStream, textOf } from '../support/sdk.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const FIRST = 'shardId-000000000000'

/** A clock that stands still until it is moved. */
class Hands {
  #ms = Date.now()
  readonly now = (): number => this.#ms

  move(ms: number): void {
    this.#ms += ms
  }
}

const create = async (client: KinesisClient, shards: number): Promise<string> => {
  const name = freshName()
  await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }))
  return name
}
const iterator = async (client: KinesisClient, stream: string) => {
  const command = new GetShardIteratorCommand({
    StreamName: stream,
    ShardId: FIRST,
    ShardIteratorType: 'TRIM_HORIZON',
  })
  return (await client.send(command)).ShardIterator!
}

describe('expiry', () => {
  it('an iterator lives five minutes, then it is ExpiredIteratorException', async () => {
    const hands = new Hands()
    await using endpoint = await TestEndpoint.start({ clock: hands.now })
    const client = endpoint.client()
    const name = await create(client, 1)
    await putTexts(client, name, ['a:0'])
    const ShardIterator = await iterator(client, name)
    const read = () => client.send(new GetRecordsCommand({ ShardIterator }))
    hands.move(5 * MINUTE_MS - 1)
    const { Records, NextShardIterator } = await read()
    expect(Records!.map(textOf)).toEqual(['a:0'])
    hands.move(2)
    await expect(read()).rejects.toMatchObject({ name: 'ExpiredIteratorException' })
    const next = await client.send(new GetRecordsCommand({ ShardIterator: NextShardIterator }))
    expect(next.Records).toEqual([])
  })

  it('a token of a list lives five minutes, then it is ExpiredNextTokenException', async () => {
    const hands = new Hands()
    await using endpoint = await TestEndpoint.start({ clock: hands.now })
    const client = endpoint.client()
    const name = await create(client, 3)
    const { NextToken } = await client.send(new ListShardsCommand({ StreamName: name, MaxResults: 2 }))
    const go = () => client.send(new ListShardsCommand({ NextToken: NextToken! }))
    hands.move(5 * MINUTE_MS - 1)
    expect((await go()).Shards).toHaveLength(1)
    hands.move(2)
    await expect(go()).rejects.toMatchObject({ name: 'ExpiredNextTokenException' })
  })
})

describe('retention', () => {
  it('records are gone after their hours, and iterators from before go on at what is left', async () => {
    const hands = new Hands()
    await using endpoint = await TestEndpoint.start(
      { clock: hands.now },
      { clock: hands.now, elapsed: hands.now },
    )
    const client = endpoint.client()
    const name = await create(client, 1)
    const { Records: old } = await putTexts(client, name, ['a:old'])
    hands.move(25 * HOUR_MS)
    await putTexts(client, name, ['a:new'])
    await expect.poll(async () => (await readStream(client, name)).map(textOf)).toEqual(['a:new'])
    const at = new GetShardIteratorCommand({
      StreamName: name,
      ShardId: FIRST,
      ShardIteratorType: 'AT_SEQUENCE_NUMBER',
      StartingSequenceNumber: old![0]!.SequenceNumber!,
    })
    const { ShardIterator } = await client.send(at)
    const { Records } = await client.send(new GetRecordsCommand({ ShardIterator }))
    expect(Records!.map(textOf)).toEqual(['a:new'])
  })
})

describe('limits of a shard, when they are on', () => {
  it('writes beyond 1,000 records a second are refused one by one, and taken again when time has passed', async () => {
    const hands = new Hands()
    const broker = { clock: hands.now, elapsed: hands.now }
    await using endpoint = await TestEndpoint.start(
      { clock: hands.now, settings: { limits: 'kinesis' } },
      broker,
    )
    const client = endpoint.client()
    const name = await create(client, 1)
    const texts = Array.from({ length: 500 }, (_, at) => `a:${at}`)
    const answers = []
    for (let round = 0; round < 6; round += 1) answers.push(await putTexts(client, name, texts))
    const results = answers.flatMap((answer) => answer.Records!)
    const refused = results.filter((result) => result.ErrorCode !== undefined)
    expect(refused.length).toBeGreaterThan(0)
    expect(results.length - refused.length).toBeGreaterThanOrEqual(1000)
    for (const result of refused) {
      expect(result.ErrorCode).toBe('ProvisionedThroughputExceededException')
      expect(result.ErrorMessage).toContain(name)
      expect(result.SequenceNumber).toBeUndefined()
    }
    expect(answers.at(-1)!.FailedRecordCount).toBe(500)
    const one = { StreamName: name, PartitionKey: 'a', Data: bytes('x') }
    await expect(client.send(new PutRecordCommand(one))).rejects.toMatchObject({
      name: 'ProvisionedThroughputExceededException',
    })
    hands.move(2000)
    expect((await client.send(new PutRecordCommand(one))).ShardId).toBe(FIRST)
    hands.move(2000)
    expect(await readStream(client, name)).toHaveLength(results.length - refused.length + 1)
  })

  it('more than five reads a second are refused, and taken again when time has passed', async () => {
    const hands = new Hands()
    await using endpoint = await TestEndpoint.start(
      { clock: hands.now, settings: { limits: 'kinesis' } },
      { clock: hands.now, elapsed: hands.now },
    )
    const client = endpoint.client()
    const name = await create(client, 1)
    await putTexts(client, name, ['a:0'])
    const ShardIterator = await iterator(client, name)
    const read = () => client.send(new GetRecordsCommand({ ShardIterator }))
    for (let call = 0; call < 5; call += 1) expect((await read()).Records).toHaveLength(1)
    await expect(read()).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' })
    hands.move(2000)
    expect((await read()).Records).toHaveLength(1)
  })

  it('without limits nothing is refused', async () => {
    await using endpoint = await TestEndpoint.start()
    const client = endpoint.client()
    const name = await create(client, 1)
    const texts = Array.from({ length: 500 }, (_, at) => `a:${at}`)
    for (let round = 0; round < 6; round += 1) {
      expect((await putTexts(client, name, texts)).FailedRecordCount).toBe(0)
    }
    expect(await readStream(client, name)).toHaveLength(3000)
  })
})
