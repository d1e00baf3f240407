// Resharding and lists of shards, as the JavaScript SDK does them over h2c, its default.
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListShardsCommand,
  MergeShardsCommand,
  ResourceNotFoundException,
  SplitShardCommand,
  UpdateShardCountCommand,
  type KinesisClient,
  type Shard,
} from '@aws-sdk/client-kinesis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName, TestEndpoint } from '../support/endpoint.ts'
import { numbersByKey, putTexts, readShard, readStream, shardsOf } from '../support/sdk.ts'

const MIDDLE = String(1n << 127n)
const LARGEST_HASH_KEY = String((1n << 128n) - 1n)

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
const split = (name: string, shardId: string, hashKey: string) =>
  client.send(new SplitShardCommand({ StreamName: name, ShardToSplit: shardId, NewStartingHashKey: hashKey }))
const isOpen = (shard: Shard): boolean => shard.SequenceNumberRange!.EndingSequenceNumber === undefined
const openShards = async (name: string) => (await shardsOf(client, name)).filter(isOpen)
const whenOpenAre = async (name: string, count: number): Promise<void> => {
  await expect.poll(async () => (await openShards(name)).length).toBe(count)
}

/** Reads to the end of a closed shard, and returns the last answer. */
const endOf = async (name: string, shardId: string) => {
  const first = await client.send(
    new GetShardIteratorCommand({ StreamName: name, ShardId: shardId, ShardIteratorType: 'TRIM_HORIZON' }),
  )
  let answer = await client.send(new GetRecordsCommand({ ShardIterator: first.ShardIterator! }))
  while (answer.NextShardIterator !== undefined) {
    answer = await client.send(new GetRecordsCommand({ ShardIterator: answer.NextShardIterator }))
  }
  return answer
}

describe('resharding', () => {
  it('SplitShard: the parent ends, and its end names both children with their ranges', async () => {
    const name = await create(1)
    await putTexts(client, name, ['a:0'])
    await split(name, 'shardId-000000000000', MIDDLE)
    await whenOpenAre(name, 2)
    const [parent, lower, upper] = await shardsOf(client, name)
    expect(parent!.SequenceNumberRange!.EndingSequenceNumber).toMatch(/^49\d{54}$/)
    expect(lower!.HashKeyRange).toEqual({
      StartingHashKey: '0',
      EndingHashKey: String((1n << 127n) - 1n),
    })
    expect(upper!.HashKeyRange).toEqual({ StartingHashKey: MIDDLE, EndingHashKey: LARGEST_HASH_KEY })
    for (const child of [lower!, upper!]) {
      expect(child.ParentShardId).toBe('shardId-000000000000')
      expect(child.AdjacentParentShardId).toBeUndefined()
    }
    const end = await endOf(name, 'shardId-000000000000')
    expect(end.NextShardIterator).toBeUndefined()
    expect(end.ChildShards).toEqual(
      [lower!, upper!].map((child) => ({
        ShardId: child.ShardId,
        ParentShards: ['shardId-000000000000'],
        HashKeyRange: child.HashKeyRange,
      })),
    )
  })

  it('MergeShards: the child has both parents, in the order of the request', async () => {
    const name = await create(2)
    await client.send(
      new MergeShardsCommand({
        StreamName: name,
        ShardToMerge: 'shardId-000000000000',
        AdjacentShardToMerge: 'shardId-000000000001',
      }),
    )
    await whenOpenAre(name, 1)
    const [child] = await openShards(name)
    expect(child).toMatchObject({
      ParentShardId: 'shardId-000000000000',
      AdjacentParentShardId: 'shardId-000000000001',
      HashKeyRange: { StartingHashKey: '0', EndingHashKey: LARGEST_HASH_KEY },
    })
    for (const parent of ['shardId-000000000000', 'shardId-000000000001']) {
      const end = await endOf(name, parent)
      expect(end.ChildShards).toEqual([
        {
          ShardId: child!.ShardId,
          ParentShards: ['shardId-000000000000', 'shardId-000000000001'],
          HashKeyRange: child!.HashKeyRange,
        },
      ])
    }
  })

  it('UpdateShardCount: gives even ranges, and says what was and what will be', async () => {
    const name = await create(2)
    const answer = await client.send(
      new UpdateShardCountCommand({
        StreamName: name,
        TargetShardCount: 3,
        ScalingType: 'UNIFORM_SCALING',
      }),
    )
    expect(answer).toMatchObject({ StreamName: name, CurrentShardCount: 2, TargetShardCount: 3 })
    await whenOpenAre(name, 3)
    const third = (1n << 128n) / 3n
    const starts = (await openShards(name)).map((shard) => BigInt(shard.HashKeyRange!.StartingHashKey!))
    for (const [at, start] of starts.toSorted((a, b) => (a < b ? -1 : 1)).entries()) {
      const distance = start - BigInt(at) * third
      expect(distance >= -3n && distance <= 3n).toBe(true)
    }
  })

  it('refuses what cannot be split or merged, by the errors of AWS', async () => {
    const name = await create(3)
    await expect(split(name, 'shardId-000000000009', MIDDLE)).rejects.toThrow(ResourceNotFoundException)
    await expect(split(name, 'shardId-000000000000', LARGEST_HASH_KEY)).rejects.toMatchObject({
      name: 'InvalidArgumentException',
    })
    const apart = client.send(
      new MergeShardsCommand({
        StreamName: name,
        ShardToMerge: 'shardId-000000000000',
        AdjacentShardToMerge: 'shardId-000000000002',
      }),
    )
    await expect(apart).rejects.toMatchObject({ name: 'InvalidArgumentException' })
    const tooFar = client.send(
      new UpdateShardCountCommand({
        StreamName: name,
        TargetShardCount: 7,
        ScalingType: 'UNIFORM_SCALING',
      }),
    )
    await expect(tooFar).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } })
  })

  it('UpdateShardCount: a stream that scales by itself refuses it in the words of AWS', async () => {
    const name = freshName()
    const StreamModeDetails = { StreamMode: 'ON_DEMAND' } as const
    await client.send(new CreateStreamCommand({ StreamName: name, StreamModeDetails }))
    const update = client.send(
      new UpdateShardCountCommand({
        StreamName: name,
        TargetShardCount: 5,
        ScalingType: 'UNIFORM_SCALING',
      }),
    )
    await expect(update).rejects.toMatchObject({
      name: 'ValidationException',
      message: `Request is invalid. Stream ${name} under account 000000000000 is in On-Demand mode.`,
    })
  })

  it('records put while shards are split and merged are all read, each key in order, parents first', async () => {
    const name = await create(1)
    const keys = Array.from({ length: 16 }, (_, at) => `key-${at}`)
    let number = 0
    const putRound = async () => {
      const answer = await putTexts(
        client,
        name,
        keys.map((key) => `${key}:${number}`),
      )
      expect(answer.FailedRecordCount).toBe(0)
      number += 1
    }
    let isReshard = true
    const resharding = (async () => {
      await split(name, 'shardId-000000000000', MIDDLE)
      await whenOpenAre(name, 2)
      const [lower, upper] = await openShards(name)
      await split(name, upper!.ShardId!, String(3n << 126n))
      await whenOpenAre(name, 3)
      const [, middle] = await openShards(name)
      await client.send(
        new MergeShardsCommand({
          StreamName: name,
          ShardToMerge: lower!.ShardId!,
          AdjacentShardToMerge: middle!.ShardId!,
        }),
      )
      await whenOpenAre(name, 2)
      isReshard = false
    })()
    while (isReshard) await putRound()
    await resharding
    await putRound()
    const byKey = numbersByKey(await readStream(client, name))
    const expected = Array.from({ length: number }, (_, at) => at)
    for (const key of keys) expect(byKey.get(key)).toEqual(expected)
  })

  it('a reader that follows ChildShards meets every record once, though the shards change under it', async () => {
    const name = await create(1)
    const before = Array.from({ length: 50 }, (_, at) => `key-${at % 5}:${at}`)
    await putTexts(client, name, before)
    await split(name, 'shardId-000000000000', MIDDLE)
    const after = Array.from({ length: 50 }, (_, at) => `key-${at % 5}:${at + 50}`)
    expect((await putTexts(client, name, after)).FailedRecordCount).toBe(0)
    const queue = ['shardId-000000000000']
    const records = []
    for (let shardId = queue.shift(); shardId !== undefined; shardId = queue.shift()) {
      records.push(...(await readShard(client, name, shardId)))
      const parent = (await shardsOf(client, name)).find((shard) => shard.ShardId === shardId)!
      if (isOpen(parent)) continue
      queue.push(...(await endOf(name, shardId)).ChildShards!.map((child) => child.ShardId!))
    }
    expect(records).toHaveLength(100)
    for (const list of numbersByKey(records).values()) expect(list).toEqual(list.toSorted((a, b) => a - b))
  })
})

describe('ListShards', () => {
  it('lists 1,000 shards in one answer, and in pages, in the order of their ids', async () => {
    const name = await create(1000)
    await expect
      .poll(async () => (await client.send(new ListShardsCommand({ StreamName: name }))).Shards!.length)
      .toBe(1000)
    const whole = await client.send(new ListShardsCommand({ StreamName: name }))
    expect(whole.NextToken).toBeUndefined()
    const ids = whole.Shards!.map((shard) => shard.ShardId!)
    expect(ids).toEqual(Array.from({ length: 1000 }, (_, at) => `shardId-${String(at).padStart(12, '0')}`))
    const paged: string[] = []
    let page = await client.send(new ListShardsCommand({ StreamName: name, MaxResults: 300 }))
    for (;;) {
      paged.push(...page.Shards!.map((shard) => shard.ShardId!))
      if (page.NextToken === undefined) break
      page = await client.send(new ListShardsCommand({ NextToken: page.NextToken, MaxResults: 300 }))
    }
    expect(paged).toEqual(ids)
  })

  it('filters: what is open now covers all hash keys, and what was open at the horizon does too', async () => {
    const name = await create(2)
    await split(name, 'shardId-000000000000', String(1n << 126n))
    await whenOpenAre(name, 3)
    const list = async (Type: 'AT_LATEST' | 'AT_TRIM_HORIZON' | 'FROM_TRIM_HORIZON') => {
      const command = new ListShardsCommand({ StreamName: name, ShardFilter: { Type } })
      return (await client.send(command)).Shards!
    }
    const width = (shards: readonly Shard[]) =>
      shards
        .map(
          ({ HashKeyRange: range }) => BigInt(range!.EndingHashKey!) - BigInt(range!.StartingHashKey!) + 1n,
        )
        .reduce((sum, each) => sum + each, 0n)
    const latest = await list('AT_LATEST')
    expect(latest.map((shard) => shard.ShardId)).not.toContain('shardId-000000000000')
    expect(width(latest)).toBe(1n << 128n)
    const horizon = await list('AT_TRIM_HORIZON')
    expect(horizon.map((shard) => shard.ShardId)).toEqual(['shardId-000000000000', 'shardId-000000000001'])
    expect(width(horizon)).toBe(1n << 128n)
    expect(await list('FROM_TRIM_HORIZON')).toHaveLength(4)
    const after = new ListShardsCommand({
      StreamName: name,
      ShardFilter: { Type: 'AFTER_SHARD_ID', ShardId: 'shardId-000000000001' },
    })
    expect((await client.send(after)).Shards!.map((shard) => shard.ShardId)).toEqual([
      'shardId-000000000002',
      'shardId-000000000003',
    ])
  })

  it('a token goes with no name, and a garbled token is refused', async () => {
    const name = await create(3)
    const page = await client.send(new ListShardsCommand({ StreamName: name, MaxResults: 1 }))
    const both = client.send(new ListShardsCommand({ StreamName: name, NextToken: page.NextToken! }))
    await expect(both).rejects.toMatchObject({ name: 'InvalidArgumentException' })
    const garbled = client.send(new ListShardsCommand({ NextToken: 'garbled' }))
    await expect(garbled).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } })
  })
})
