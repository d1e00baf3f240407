// The operations on shards, called directly, on a broker in this process.
import { describe, expect, it } from 'vitest'
import type { InputOf } from '../../src/model/operations.ts'
import { shardsHandlers } from '../../src/shards/handlers.ts'
import { streamsHandlers } from '../../src/streams/handlers.ts'
import { ACCOUNT, refusalOf, REGION, smallBroker, type SmallEndpoint } from '../support/small-endpoint.ts'

const ARN = `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/clicks`
const MIDDLE = `${2n ** 127n}`
const END = `${2n ** 128n - 1n}`
const idOf = (index: number): string => `shardId-${String(index).padStart(12, '0')}`

/** The operations on the shards of the stream clicks. */
function operationsOf(endpoint: SmallEndpoint) {
  const handlers = shardsHandlers(endpoint)
  const { call } = endpoint
  const StreamName = 'clicks'
  return {
    list: (input: InputOf<'ListShards'> = { StreamName }) => handlers.ListShards(call('ListShards', input)),
    ids: async (input: Omit<InputOf<'ListShards'>, 'StreamName'> = {}) => {
      const { Shards = [] } = await handlers.ListShards(call('ListShards', { StreamName, ...input }))
      return Shards.map(({ ShardId }) => Number(ShardId.slice(-12)))
    },
    split: (ShardToSplit: string, NewStartingHashKey: string) =>
      handlers.SplitShard(call('SplitShard', { StreamName, ShardToSplit, NewStartingHashKey })),
    merge: (ShardToMerge: string, AdjacentShardToMerge: string) =>
      handlers.MergeShards(call('MergeShards', { StreamName, ShardToMerge, AdjacentShardToMerge })),
    count: (TargetShardCount: number) =>
      handlers.UpdateShardCount(
        call('UpdateShardCount', { StreamName, TargetShardCount, ScalingType: 'UNIFORM_SCALING' }),
      ),
    create: (ShardCount?: number) =>
      streamsHandlers(endpoint).CreateStream(call('CreateStream', { StreamName, ShardCount })),
    status: async () => (await endpoint.book.resolve(call('DescribeStream', { StreamName }))).status,
  }
}

describe('SplitShard', () => {
  it('makes two children, below and from the hash key on', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, split, list } = operationsOf(endpoint)
    await create(1)
    expect(await split('0', MIDDLE)).toEqual({})
    const { Shards } = await list()
    expect(Shards).toMatchObject([
      { ShardId: idOf(0), SequenceNumberRange: { EndingSequenceNumber: expect.stringMatching(/^\d{56}$/) } },
      {
        ShardId: idOf(1),
        ParentShardId: idOf(0),
        HashKeyRange: { StartingHashKey: '0', EndingHashKey: `${BigInt(MIDDLE) - 1n}` },
      },
      {
        ShardId: idOf(2),
        ParentShardId: idOf(0),
        HashKeyRange: { StartingHashKey: MIDDLE, EndingHashKey: END },
      },
    ])
    expect(Shards?.[1]).not.toHaveProperty('AdjacentParentShardId')
    expect(Shards?.[1]?.SequenceNumberRange).not.toHaveProperty('EndingSequenceNumber')
  })

  it('is refused for a shard that is not there, a hash key at the edge, and a closed shard', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, split } = operationsOf(endpoint)
    expect(await refusalOf(split('0', MIDDLE))).toBe(
      `ResourceNotFoundException: Stream clicks under account ${ACCOUNT} not found.`,
    )
    expect(await refusalOf(split('shardId-', MIDDLE))).toBe(
      `ResourceNotFoundException: Could not find shard shardId- in stream clicks under account ${ACCOUNT}.`,
    )
    await create(1)
    expect(await refusalOf(split('5', MIDDLE))).toBe(
      `ResourceNotFoundException: Could not find shard ${idOf(5)} in stream clicks under account ${ACCOUNT}.`,
    )
    for (const point of ['0', '1', END, `${2n ** 128n}`]) {
      expect(await refusalOf(split('0', point))).toBe(
        `InvalidArgumentException: NewStartingHashKey ${point} used in SplitShard() on shard ${idOf(0)} in stream clicks under ` +
          `account ${ACCOUNT} is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's ` +
          `EndingHashKey ${END}.`,
      )
    }
    await split('0', MIDDLE)
    expect(await refusalOf(split('0', MIDDLE))).toBe(
      `InvalidArgumentException: Shard ${idOf(0)} in stream clicks under account ${ACCOUNT} has already been merged or split, ` +
        'and thus is not eligible for merging or splitting.',
    )
  })

  it('is only for provisioned streams, unless the rules are those of the broker', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    await using lenient = await room.endpoint({ rules: 'millrace' })
    const { create, split, merge } = operationsOf(endpoint)
    await create()
    expect(await refusalOf(split('0', '100'))).toMatch(
      /^ValidationException: Request is invalid\. Stream .* is in On-Demand mode/,
    )
    expect(await refusalOf(merge('0', '1'))).toMatch(
      /^ValidationException: Request is invalid\. Stream .* is in On-Demand mode/,
    )
    expect(await refusalOf(operationsOf(lenient).split('0', '1'))).toBe('done')
  })
})

describe('resharding with a delay', () => {
  it('lets the stream be UPDATING for as long as is set, during which its shards stay as they are', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint({ stateDelayMs: 1_000_000 })
    const { create, split, merge, count, status, ids, list } = operationsOf(endpoint)
    await create(1)
    room.time.advance(1_000_000)
    await split('0', MIDDLE)
    expect(await status()).toBe('UPDATING')
    expect(await ids()).toEqual([0])
    expect((await list()).Shards?.[0]?.SequenceNumberRange).not.toHaveProperty('EndingSequenceNumber')
    const busy = `ResourceInUseException: Stream clicks under account ${ACCOUNT} not ACTIVE, instead in state UPDATING`
    expect(await refusalOf(split('0', '100'))).toBe(busy)
    expect(await refusalOf(merge('0', '1'))).toBe(busy)
    expect(await refusalOf(count(2))).toBe(busy)
    room.time.advance(1_000_000)
    expect(await status()).toBe('ACTIVE')
    expect(await ids()).toEqual([0, 1, 2])
    await merge('1', '2')
    room.time.advance(1_000_000)
    expect(await ids()).toEqual([0, 1, 2, 3])
    expect(await count(2)).toMatchObject({ CurrentShardCount: 1, TargetShardCount: 2 })
    expect(await status()).toBe('UPDATING')
    room.time.advance(1_000_000)
    await expect.poll(status).toBe('ACTIVE')
    expect(await ids({ ShardFilter: { Type: 'AT_LATEST' } })).toHaveLength(2)
  })

  it('happens by itself, though a timer fires before the clock says that it is time', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint({ stateDelayMs: 20 })
    const { create, split, status } = operationsOf(endpoint)
    await create(1)
    room.time.advance(20)
    await split('0', MIDDLE)
    expect(await status()).toBe('UPDATING')
    const shardCount = async () => (await endpoint.own.describeStream('clicks')).openShardCount
    room.time.advance(20)
    await expect.poll(shardCount).toBe(2)
    await expect.poll(() => endpoint.book.facts('clicks').pending).toBeUndefined()
  })

  it('happens once, by whichever endpoint is first, and is given up where the shard was changed by others', async () => {
    await using room = await smallBroker()
    await using one = await room.endpoint({ stateDelayMs: 1_000_000 })
    await using other = await room.endpoint({ stateDelayMs: 1_000_000 })
    const { create, split, status, ids } = operationsOf(one)
    await create(1)
    room.time.advance(1_000_000)
    await split('0', MIDDLE)
    room.time.advance(1_000_000)
    await Promise.all([status(), operationsOf(other).status(), status()])
    await expect.poll(status).toBe('ACTIVE')
    expect(await ids()).toEqual([0, 1, 2])
    await split('1', '100')
    await one.own.splitShard('clicks', '1', { at: '200' })
    room.time.advance(1_000_000)
    expect(await status()).toBe('ACTIVE')
    expect(await ids()).toEqual([0, 1, 2, 3, 4])
  })
})

describe('MergeShards', () => {
  it('makes one child of two neighbours, of which the lower is named first', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, merge, list } = operationsOf(endpoint)
    await create(2)
    expect(await refusalOf(merge('1', '0'))).toBe(
      `InvalidArgumentException: Shards ${idOf(1)} and ${idOf(0)} in stream clicks under account ${ACCOUNT} are not an adjacent ` +
        'pair of shards eligible for merging',
    )
    await merge('shard-0', 'shard-1')
    expect((await list()).Shards?.[2]).toMatchObject({
      ShardId: idOf(2),
      ParentShardId: idOf(0),
      AdjacentParentShardId: idOf(1),
      HashKeyRange: { StartingHashKey: '0', EndingHashKey: END },
    })
    expect(await refusalOf(merge('0', '1'))).toMatch(/has already been merged or split/)
    expect(await refusalOf(merge('0', '9'))).toMatch(/^ResourceNotFoundException: Could not find shard/)
  })
})

describe('UpdateShardCount', () => {
  it('ends with so many shards of even ranges', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, count, list, status } = operationsOf(endpoint)
    await create(2)
    expect(await count(3)).toEqual({
      StreamName: 'clicks',
      StreamARN: ARN,
      CurrentShardCount: 2,
      TargetShardCount: 3,
    })
    await expect.poll(status).toBe('ACTIVE')
    const { Shards = [] } = await list({ StreamName: 'clicks', ShardFilter: { Type: 'AT_LATEST' } })
    const widths = Shards.map(
      ({ HashKeyRange: { StartingHashKey: from, EndingHashKey: to } }) => BigInt(to) - BigInt(from),
    )
    const third = 2n ** 128n / 3n
    expect(widths).toHaveLength(3)
    for (const width of widths) expect(Math.abs(Number(width - third))).toBeLessThan(4)
  })

  it('goes up to double and down to half, ten times a day, unless the rules are those of the broker', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    await using lenient = await room.endpoint({ rules: 'millrace' })
    const { create, count, status } = operationsOf(endpoint)
    await create(2)
    expect(await refusalOf(count(5))).toBe(
      'LimitExceededException: UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 2 Target shard count: 5',
    )
    expect(await refusalOf(count(5000))).toMatch(
      /^LimitExceededException: This request would exceed the shard limit for the account/,
    )
    await operationsOf(lenient).count(5)
    await expect.poll(status).toBe('ACTIVE')
    expect(await refusalOf(count(2))).toBe(
      'LimitExceededException: UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 5 Target shard count: 2',
    )
    // The first one was counted, too.
    for (let times = 1; times < 10; times++) await count(5)
    expect(await refusalOf(count(5))).toMatch(
      /^LimitExceededException: .*10 times per rolling 24-hour period/,
    )
    room.time.advance(24 * 3_600_000)
    expect(await refusalOf(count(5))).toBe('done')
  })
})

describe('ListShards', () => {
  it('selects shards by every filter', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, split, ids } = operationsOf(endpoint)
    await create(2)
    const before = endpoint.now()
    room.time.advance(1000)
    await split('0', '100')
    room.time.advance(1000)
    const after = new Date(endpoint.now())
    expect(await ids()).toEqual([0, 1, 2, 3])
    expect(await ids({ ShardFilter: { Type: 'FROM_TRIM_HORIZON' } })).toEqual([0, 1, 2, 3])
    expect(await ids({ ShardFilter: { Type: 'AT_TRIM_HORIZON' } })).toEqual([0, 1])
    expect(await ids({ ShardFilter: { Type: 'AT_LATEST' } })).toEqual([1, 2, 3])
    expect(await ids({ ShardFilter: { Type: 'AFTER_SHARD_ID', ShardId: idOf(1) } })).toEqual([2, 3])
    expect(await ids({ ShardFilter: { Type: 'AT_TIMESTAMP', Timestamp: new Date(before) } })).toEqual([0, 1])
    expect(await ids({ ShardFilter: { Type: 'AT_TIMESTAMP', Timestamp: new Date(0) } })).toEqual([0, 1])
    expect(await ids({ ShardFilter: { Type: 'AT_TIMESTAMP', Timestamp: after } })).toEqual([1, 2, 3])
    expect(await ids({ ShardFilter: { Type: 'FROM_TIMESTAMP', Timestamp: after } })).toEqual([1, 2, 3])
    expect(await ids({ ShardFilter: { Type: 'FROM_TIMESTAMP', Timestamp: new Date(0) } })).toEqual([
      0, 1, 2, 3,
    ])
    expect(await ids({ ExclusiveStartShardId: 'shard-2' })).toEqual([3])
  })

  it('pages by tokens, which carry the filter and stand for the moment of the first page', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, split, list } = operationsOf(endpoint)
    await create(3)
    const ids: string[] = []
    const first = await list({ StreamName: 'clicks', MaxResults: 1, ShardFilter: { Type: 'AT_LATEST' } })
    ids.push(...(first.Shards ?? []).map(({ ShardId }) => ShardId))
    await split('2', `${(2n ** 128n / 3n) * 2n + 100n}`)
    for (let { NextToken } = first; NextToken !== undefined;) {
      const page = await list({ NextToken, MaxResults: 1, StreamARN: ARN })
      ids.push(...(page.Shards ?? []).map(({ ShardId }) => ShardId))
      NextToken = page.NextToken
    }
    expect(ids).toEqual([idOf(0), idOf(1), idOf(2)])
  })

  it('refuses tokens that are old, of another listing, or of a stream that was deleted', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, list } = operationsOf(endpoint)
    await create(3)
    const { NextToken } = await list({ StreamName: 'clicks', MaxResults: 1 })
    expect(await refusalOf(list({ NextToken: `${NextToken}AAAA` }))).toBe(
      'InvalidArgumentException: Invalid NextToken.',
    )
    await endpoint.own.deleteStream('clicks')
    await create(3)
    expect(await refusalOf(list({ NextToken }))).toMatch(/^ResourceNotFoundException/)
    room.time.advance(300_001)
    expect(await refusalOf(list({ NextToken }))).toMatch(/^ExpiredNextTokenException/)
  })

  it('refuses requests that contradict themselves', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, list } = operationsOf(endpoint)
    await create(1)
    const refused = async (input: InputOf<'ListShards'>) => {
      const refusal = await refusalOf(list(input))
      expect(refusal).toMatch(/^InvalidArgumentException: /)
      return refusal.replace('InvalidArgumentException: ', '')
    }
    const StreamName = 'clicks'
    expect(await refused({})).toBe('Either NextToken or StreamName should be provided.')
    expect(await refused({ StreamName, NextToken: 'x' })).toBe(
      'NextToken and StreamName cannot be provided together.',
    )
    expect(await refused({ NextToken: 'x', ExclusiveStartShardId: '0' })).toMatch(/ExclusiveStartShardId/)
    expect(await refused({ NextToken: 'x', StreamCreationTimestamp: new Date(0) })).toMatch(
      /StreamCreationTimestamp/,
    )
    expect(await refused({ StreamName, ShardFilter: { Type: 'AFTER_SHARD_ID' } })).toMatch(/ShardId must be/)
    expect(await refused({ StreamName, ShardFilter: { Type: 'AT_TIMESTAMP' } })).toMatch(/Timestamp must be/)
    expect(await refused({ StreamName, ShardFilter: { Type: 'AT_LATEST', ShardId: '0' } })).toMatch(
      /ShardId cannot be/,
    )
    expect(await refused({ StreamName, ShardFilter: { Type: 'AT_LATEST', Timestamp: new Date(0) } })).toMatch(
      /Timestamp cannot be/,
    )
  })

  it('tells streams of one name apart by the time of their creation', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, list } = operationsOf(endpoint)
    await create(1)
    const { createdAt } = await endpoint.own.describeStream('clicks')
    const StreamCreationTimestamp = new Date(Math.floor(createdAt.getTime() / 1000) * 1000)
    expect((await list({ StreamName: 'clicks', StreamCreationTimestamp })).Shards).toHaveLength(1)
    const other = new Date(createdAt.getTime() - 5000)
    expect(await refusalOf(list({ StreamName: 'clicks', StreamCreationTimestamp: other }))).toMatch(
      /^ResourceNotFoundException/,
    )
  })

  it('lists a thousand shards, and goes on by a token', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, list } = operationsOf(endpoint)
    await create(1001)
    const { Shards, NextToken } = await list({ StreamName: 'clicks', MaxResults: 10_000 })
    expect(Shards).toHaveLength(1000)
    expect((await list({ NextToken })).Shards).toHaveLength(1)
  })
})
