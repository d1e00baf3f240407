// The operations on streams, called directly, on a broker in this process.
import { describe, expect, it } from 'vitest'
import { streamsHandlers } from '../../src/streams/handlers.ts'
import type { InputOf } from '../../src/model/operations.ts'
import {
  ACCOUNT,
  callerWith,
  refusalOf,
  REGION,
  smallBroker,
  type SmallEndpoint,
} from '../support/small-endpoint.ts'

const ARN = `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/clicks`
const CLICKS = { StreamName: 'clicks' }

/** The operations of one endpoint by short names. */
function operationsOf(endpoint: SmallEndpoint) {
  const handlers = streamsHandlers(endpoint)
  const { call } = endpoint
  return {
    create: (input: InputOf<'CreateStream'>) => handlers.CreateStream(call('CreateStream', input)),
    remove: (input: InputOf<'DeleteStream'>) => handlers.DeleteStream(call('DeleteStream', input)),
    describe: async (input: InputOf<'DescribeStream'>) =>
      (await handlers.DescribeStream(call('DescribeStream', input))).StreamDescription,
    summary: async (input: InputOf<'DescribeStreamSummary'>) =>
      (await handlers.DescribeStreamSummary(call('DescribeStreamSummary', input))).StreamDescriptionSummary,
    list: (input: InputOf<'ListStreams'> = {}) => handlers.ListStreams(call('ListStreams', input)),
    increase: (hours: number) =>
      handlers.IncreaseStreamRetentionPeriod(
        call('IncreaseStreamRetentionPeriod', { ...CLICKS, RetentionPeriodHours: hours }),
      ),
    decrease: (hours: number) =>
      handlers.DecreaseStreamRetentionPeriod(
        call('DecreaseStreamRetentionPeriod', { ...CLICKS, RetentionPeriodHours: hours }),
      ),
  }
}

describe('CreateStream', () => {
  it('makes a stream with even shards and a day of retention', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, describe: describeStream, summary } = operationsOf(endpoint)
    expect(await create({ StreamName: 'clicks', ShardCount: 2 })).toEqual({})
    const description = await describeStream(CLICKS)
    expect(description).toMatchObject({
      StreamName: 'clicks',
      StreamARN: ARN,
      StreamStatus: 'ACTIVE',
      StreamModeDetails: { StreamMode: 'PROVISIONED' },
      RetentionPeriodHours: 24,
      EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
      EncryptionType: 'NONE',
      HasMoreShards: false,
    })
    const half = 2n ** 127n
    expect(description.Shards.map(({ HashKeyRange }) => HashKeyRange)).toEqual([
      { StartingHashKey: '0', EndingHashKey: `${half - 1n}` },
      { StartingHashKey: `${half}`, EndingHashKey: `${2n ** 128n - 1n}` },
    ])
    expect(description.StreamCreationTimestamp.getMilliseconds()).toBe(0)
    expect(await summary(CLICKS)).toMatchObject({
      OpenShardCount: 2,
      ConsumerCount: 0,
      MaxRecordSizeInKiB: 1024,
      ChannelCount: 0,
    })
  })

  it('makes an on-demand stream of four shards where neither a mode nor a count is given', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, summary } = operationsOf(endpoint)
    await create(CLICKS)
    expect(await summary(CLICKS)).toMatchObject({
      OpenShardCount: 4,
      StreamModeDetails: { StreamMode: 'ON_DEMAND' },
      RecordDistributionStrategy: 'USER_PARTITION_KEY',
    })
  })

  it('keeps tags, the largest record and the distribution from the first moment', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, summary } = operationsOf(endpoint)
    const StreamModeDetails = { StreamMode: 'ON_DEMAND' } as const
    await create({
      StreamName: 'clicks',
      StreamModeDetails,
      Tags: { team: 'a' },
      MaxRecordSizeInKiB: 10_240,
      RecordDistributionStrategy: 'AUTO',
    })
    expect(await summary(CLICKS)).toMatchObject({
      MaxRecordSizeInKiB: 10_240,
      RecordDistributionStrategy: 'AUTO',
    })
    expect(endpoint.book.facts('clicks').tags).toEqual({ team: 'a' })
  })

  it('gives shards the limits of the service where the endpoint has them', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint({ limits: 'kinesis' })
    await operationsOf(endpoint).create({ StreamName: 'clicks', ShardCount: 1 })
    const { shardLimits } = await endpoint.own.describeStream('clicks')
    expect(shardLimits.writeRecordsPerSecond).toBe(1000)
  })

  it('refuses a name that is in use, too many shards, and what a provisioned stream cannot have', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create } = operationsOf(endpoint)
    const refused = (input: Omit<InputOf<'CreateStream'>, 'StreamName'>, name = 'other') =>
      refusalOf(create({ StreamName: name, ...input }))
    await create({ StreamName: 'clicks', ShardCount: 1 })
    expect(await refused({ ShardCount: 5000 }, 'clicks')).toBe(
      `ResourceInUseException: Stream clicks under account ${ACCOUNT} already exists.`,
    )
    expect(await refused({ ShardCount: 5000 })).toMatch(
      new RegExp(
        `^LimitExceededException: This request would exceed the shard limit for the account ${ACCOUNT} in ${REGION}. ` +
          'Current shard count for the account: 1. Limit: 4096. Number of additional shards that would have resulted from this request: 5000. ',
      ),
    )
    const StreamModeDetails = { StreamMode: 'PROVISIONED' } as const
    expect(await refused({ StreamModeDetails })).toMatch(
      /^ValidationException: 1 validation error detected: Value null at 'shardCount'/,
    )
    expect(await refused({ ShardCount: 1, RecordDistributionStrategy: 'AUTO' })).toMatch(
      /^InvalidArgumentException/,
    )
    expect(await refused({ ShardCount: 1, WarmThroughputMiBps: 5 })).toMatch(/^ValidationException/)
    expect(await refused({ ShardCount: 1, Tags: { 'aws:x': '' } })).toMatch(/^InvalidArgumentException/)
  })

  it('shows a stream as CREATING, without shards, for as long as is set, and makes five at once', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint({ stateDelayMs: 5000 })
    const { create, describe: describeStream, summary, list } = operationsOf(endpoint)
    await create({ StreamName: 'clicks', ShardCount: 1 })
    expect(await describeStream(CLICKS)).toMatchObject({ StreamStatus: 'CREATING', Shards: [] })
    expect(await summary(CLICKS)).toMatchObject({ StreamStatus: 'CREATING', OpenShardCount: 0 })
    expect((await list()).StreamSummaries).toMatchObject([{ StreamStatus: 'CREATING' }])
    for (const name of ['b', 'c', 'd', 'e']) await create({ StreamName: name, ShardCount: 1 })
    expect(await refusalOf(create({ StreamName: 'f', ShardCount: 1 }))).toMatch(/^LimitExceededException/)
    room.time.advance(5000)
    expect(await describeStream(CLICKS)).toMatchObject({ StreamStatus: 'ACTIVE', Shards: [{}] })
    await create({ StreamName: 'f', ShardCount: 1 })
  })
})

describe('DeleteStream', () => {
  it('deletes a stream at once where there is no delay, with what is kept of it', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, remove, describe: describeStream } = operationsOf(endpoint)
    await create({ StreamName: 'clicks', ShardCount: 1, Tags: { team: 'a' } })
    expect(await remove({ StreamARN: ARN })).toEqual({})
    expect(await refusalOf(describeStream(CLICKS))).toBe(
      `ResourceNotFoundException: Stream clicks under account ${ACCOUNT} not found.`,
    )
    await create({ StreamName: 'clicks', ShardCount: 1 })
    expect(endpoint.book.facts('clicks').tags).toEqual({})
  })

  it('shows a stream as DELETING for as long as is set, during which its name is in use', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint({ stateDelayMs: 1_000_000 })
    const { create, remove, describe: describeStream, list } = operationsOf(endpoint)
    await create({ StreamName: 'clicks', ShardCount: 1 })
    room.time.advance(1_000_000)
    await remove(CLICKS)
    expect((await describeStream(CLICKS)).StreamStatus).toBe('DELETING')
    expect(await refusalOf(create({ StreamName: 'clicks', ShardCount: 1 }))).toMatch(/already exists/)
    expect(await refusalOf(remove(CLICKS))).toMatch(/not ACTIVE, instead in state DELETING$/)
    room.time.advance(1_000_000)
    expect((await list()).StreamNames).toEqual([])
    await create({ StreamName: 'clicks', ShardCount: 2 })
    room.time.advance(1_000_000)
    expect((await describeStream(CLICKS)).Shards).toHaveLength(2)
  })

  it('deletes a stream that is still being created, which never shows shards', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint({ stateDelayMs: 1_000_000 })
    const { create, remove, describe: describeStream } = operationsOf(endpoint)
    await create({ StreamName: 'clicks', ShardCount: 1 })
    await remove(CLICKS)
    expect(await describeStream(CLICKS)).toMatchObject({ StreamStatus: 'DELETING', Shards: [] })
    room.time.advance(1_000_000)
    expect(await refusalOf(describeStream(CLICKS))).toMatch(/^ResourceNotFoundException/)
  })

  it('deletes consumers only where the request says so', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, remove, summary } = operationsOf(endpoint)
    await create({ StreamName: 'clicks', ShardCount: 1 })
    await endpoint.own.registerConsumer('clicks', 'reader')
    expect((await summary(CLICKS)).ConsumerCount).toBe(1)
    expect(await refusalOf(remove(CLICKS))).toMatch(/^ResourceInUseException: .*has registered consumers/)
    await remove({ ...CLICKS, EnforceConsumerDeletion: true })
    expect(await refusalOf(summary(CLICKS))).toMatch(/^ResourceNotFoundException/)
  })
})

describe('DescribeStream', () => {
  it('pages by the last shard, a hundred at most', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, describe: describeStream } = operationsOf(endpoint)
    await create({ StreamName: 'clicks', ShardCount: 103 })
    const ids: string[] = []
    const counts: number[] = []
    for (let after: string | undefined; ;) {
      const page = await describeStream({ ...CLICKS, Limit: 10_000, ExclusiveStartShardId: after })
      ids.push(...page.Shards.map(({ ShardId }) => ShardId))
      counts.push(page.Shards.length)
      if (!page.HasMoreShards) break
      after = ids.at(-1)
    }
    expect(counts).toEqual([100, 3])
    expect(new Set(ids).size).toBe(103)
    expect(await describeStream({ ...CLICKS, Limit: 1, ExclusiveStartShardId: 'shard-100' })).toMatchObject({
      Shards: [{ ShardId: 'shardId-000000000101' }],
      HasMoreShards: true,
    })
  })
})

describe('ListStreams', () => {
  it('gives each stream once, by name, over pages of names and of tokens', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, list } = operationsOf(endpoint)
    const names = ['a', 'b', 'c', 'd', 'e']
    for (const StreamName of names) await create({ StreamName, ShardCount: 1 })
    const byName: string[] = []
    for (;;) {
      const page = await list({ Limit: 2, ExclusiveStartStreamName: byName.at(-1) })
      byName.push(...page.StreamNames)
      if (!page.HasMoreStreams) break
    }
    const byToken: string[] = []
    for (let NextToken: string | undefined; ;) {
      const page = await list({ Limit: 2, NextToken })
      byToken.push(...page.StreamNames)
      NextToken = page.NextToken
      if (NextToken === undefined) break
    }
    expect(byName).toEqual(names)
    expect(byToken).toEqual(names)
  })

  it('refuses tokens of others, and its own after five minutes', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, list } = operationsOf(endpoint)
    for (const StreamName of ['a', 'b']) await create({ StreamName, ShardCount: 1 })
    const { NextToken } = await list({ Limit: 1 })
    expect(NextToken).toBeDefined()
    expect(await refusalOf(list({ NextToken: 'AAAA' }))).toBe('InvalidArgumentException: Invalid NextToken.')
    room.time.advance(300_001)
    expect(await refusalOf(list({ NextToken }))).toMatch(/^ExpiredNextTokenException/)
  })
})

describe('retention', () => {
  it('becomes longer and shorter, and stays where the same is asked for', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, describe: describeStream, increase, decrease } = operationsOf(endpoint)
    await create({ StreamName: 'clicks', ShardCount: 1 })
    const hours = async () => (await describeStream(CLICKS)).RetentionPeriodHours
    await increase(24)
    await increase(8760)
    expect(await hours()).toBe(8760)
    await decrease(30)
    await decrease(30)
    expect(await hours()).toBe(30)
  })

  it('is refused out of its bounds, and in the wrong direction, in the words of the service', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, increase, decrease } = operationsOf(endpoint)
    await create({ StreamName: 'clicks', ShardCount: 1 })
    await increase(30)
    for (const change of [increase, decrease]) {
      expect(await refusalOf(change(23))).toBe(
        'InvalidArgumentException: Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.',
      )
      expect(await refusalOf(change(8761))).toBe(
        'InvalidArgumentException: Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.',
      )
    }
    expect(await refusalOf(increase(25))).toBe(
      'InvalidArgumentException: Requested retention period (25 hours) for stream clicks can not be shorter than existing retention period (30 hours). Use DecreaseRetentionPeriod API.',
    )
    expect(await refusalOf(decrease(31))).toBe(
      'InvalidArgumentException: Requested retention period (31 hours) for stream clicks can not be longer than existing retention period (30 hours). Use IncreaseRetentionPeriod API.',
    )
  })
})

describe('retention with a delay', () => {
  it('changes at once, and one change may follow another', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint({ stateDelayMs: 1_000_000 })
    const { create, describe: describeStream, increase, decrease } = operationsOf(endpoint)
    await create({ StreamName: 'clicks', ShardCount: 1 })
    room.time.advance(1_000_000)
    await increase(25)
    await decrease(24)
    expect(await describeStream(CLICKS)).toMatchObject({ RetentionPeriodHours: 24, StreamStatus: 'ACTIVE' })
  })
})

describe('settings of a stream that only the endpoint keeps', () => {
  it('change for who may manage the stream, and are refused by name for who may only see it', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, summary } = operationsOf(endpoint)
    await create({ StreamName: 'clicks' })
    const handlers = streamsHandlers(endpoint)
    const sized = { StreamARN: ARN, MaxRecordSizeInKiB: 2048 }
    const asked = (granted: Parameters<typeof callerWith>) =>
      refusalOf(
        handlers.UpdateMaxRecordSize(endpoint.call('UpdateMaxRecordSize', sized, callerWith(...granted))),
      )
    expect(await asked(['describe'])).toBe(
      `AccessDeniedException: User: arn:aws:iam::${ACCOUNT}:user/alice is not authorized to perform: ` +
        `kinesis:UpdateMaxRecordSize on resource: ${ARN} because no identity-based policy allows the ` +
        'kinesis:UpdateMaxRecordSize action',
    )
    expect(await asked(['manage'])).toBe('done')
    expect((await summary(CLICKS)).MaxRecordSizeInKiB).toBe(2048)
  })

  it('distributes by the service only on-demand streams', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, summary } = operationsOf(endpoint)
    await create({ StreamName: 'clicks' })
    await create({ StreamName: 'fixed', ShardCount: 1 })
    const handlers = streamsHandlers(endpoint)
    const distribute = (StreamARN: string) =>
      refusalOf(
        handlers.UpdateStreamRecordDistributionStrategy(
          endpoint.call('UpdateStreamRecordDistributionStrategy', {
            StreamARN,
            RecordDistributionStrategy: 'AUTO',
          }),
        ),
      )
    expect(await distribute(ARN)).toBe('done')
    expect((await summary(CLICKS)).RecordDistributionStrategy).toBe('AUTO')
    expect(await distribute(ARN.replace('clicks', 'fixed'))).toMatch(/^InvalidArgumentException/)
  })
})
