// The operations on capacity, called directly, on a broker in this process.
import { describe, expect, it } from 'vitest'
import { capacityHandlers } from '../../src/capacity/handlers.ts'
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

const StreamARN = `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/clicks`
const DAY_MS = 24 * 3_600_000

function operationsOf(endpoint: SmallEndpoint) {
  const capacity = capacityHandlers(endpoint)
  const streams = streamsHandlers(endpoint)
  const { call } = endpoint
  return {
    create: (input: Omit<InputOf<'CreateStream'>, 'StreamName'> = {}) =>
      streams.CreateStream(call('CreateStream', { StreamName: 'clicks', ...input })),
    summary: async () => {
      const { StreamDescriptionSummary: summary } = await streams.DescribeStreamSummary(
        call('DescribeStreamSummary', { StreamARN }),
      )
      return summary
    },
    mode: (StreamMode: 'PROVISIONED' | 'ON_DEMAND', WarmThroughputMiBps?: number) =>
      capacity.UpdateStreamMode(
        call('UpdateStreamMode', { StreamARN, StreamModeDetails: { StreamMode }, WarmThroughputMiBps }),
      ),
    warm: (WarmThroughputMiBps: number) =>
      capacity.UpdateStreamWarmThroughput(
        call('UpdateStreamWarmThroughput', { StreamARN, WarmThroughputMiBps }),
      ),
    limits: () => capacity.DescribeLimits(call('DescribeLimits', {})),
    account: async () =>
      (await capacity.DescribeAccountSettings(call('DescribeAccountSettings', {})))
        .MinimumThroughputBillingCommitment,
    commit: async (Status: 'ENABLED' | 'DISABLED', caller = {}) => {
      const input = { MinimumThroughputBillingCommitment: { Status } }
      const answer = await capacity.UpdateAccountSettings(call('UpdateAccountSettings', input, caller))
      return answer.MinimumThroughputBillingCommitment
    },
  }
}

describe('UpdateStreamMode', () => {
  it('switches twice a day, and keeps the shards', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, mode, summary } = operationsOf(endpoint)
    await create({ ShardCount: 3 })
    await mode('PROVISIONED')
    await mode('ON_DEMAND')
    expect(await summary()).toMatchObject({
      StreamModeDetails: { StreamMode: 'ON_DEMAND' },
      OpenShardCount: 3,
    })
    await mode('PROVISIONED')
    expect(await refusalOf(mode('ON_DEMAND'))).toMatch(/^LimitExceededException: /)
    room.time.advance(DAY_MS)
    expect(await refusalOf(mode('ON_DEMAND'))).toBe('done')
  })

  it('leaves a stream UPDATING for as long as is set', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint({ stateDelayMs: 5000 })
    const { create, mode, summary } = operationsOf(endpoint)
    await create({ ShardCount: 1 })
    room.time.advance(5000)
    await mode('ON_DEMAND')
    expect((await summary()).StreamStatus).toBe('UPDATING')
    expect(await refusalOf(mode('PROVISIONED'))).toMatch(/not ACTIVE, instead in state UPDATING$/)
  })

  it('does not make a stream provisioned whose records the service distributes', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, mode } = operationsOf(endpoint)
    await create({ RecordDistributionStrategy: 'AUTO' })
    expect(await refusalOf(mode('PROVISIONED'))).toMatch(/^InvalidArgumentException: .*AUTO/)
  })
})

describe('warm throughput', () => {
  it('needs a commitment, an on-demand stream and a figure that a stream can have', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, warm, mode, commit } = operationsOf(endpoint)
    await create()
    expect(await refusalOf(warm(8))).toMatch(/^ValidationException: .*MinimumThroughputBillingCommitment/)
    await commit('ENABLED')
    expect(await refusalOf(warm(100_000))).toMatch(/^LimitExceededException: /)
    await mode('PROVISIONED')
    expect(await refusalOf(warm(8))).toMatch(/^ValidationException: .*ON_DEMAND/)
  })

  it('keeps as many shards as it takes, and tells how far that is', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, warm, commit, summary } = operationsOf(endpoint)
    await create()
    expect(await summary()).not.toHaveProperty('WarmThroughput')
    await commit('ENABLED')
    expect(await warm(8)).toEqual({
      StreamARN,
      StreamName: 'clicks',
      WarmThroughput: { TargetMiBps: 8, CurrentMiBps: 4 },
    })
    expect((await summary()).WarmThroughput?.TargetMiBps).toBe(8)
    expect((await endpoint.own.describeStream('clicks')).scaling.shardsMin).toBe(8)
  })

  it('is there from the beginning where a stream is made or switched with it', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, mode, commit, summary } = operationsOf(endpoint)
    expect(await refusalOf(create({ WarmThroughputMiBps: 6 }))).toMatch(/^ValidationException: /)
    await commit('ENABLED')
    await create({ WarmThroughputMiBps: 6 })
    expect((await summary()).WarmThroughput).toEqual({ TargetMiBps: 6, CurrentMiBps: 6 })
    await mode('PROVISIONED')
    expect(await summary()).not.toHaveProperty('WarmThroughput')
    await mode('ON_DEMAND', 7)
    expect((await summary()).WarmThroughput?.TargetMiBps).toBe(7)
  })
})

describe('DescribeLimits', () => {
  it('counts shards and on-demand streams, and knows no channels', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { create, limits } = operationsOf(endpoint)
    await create()
    await endpoint.own.createStream('fixed', { shards: 2 })
    expect(await limits()).toEqual({
      ShardLimit: 100_000,
      OpenShardCount: 6,
      OnDemandStreamCount: 1,
      OnDemandStreamCountLimit: 10_000,
      ChannelCount: 0,
      ChannelCountLimit: 0,
    })
  })
})

describe('settings of the account', () => {
  it('are a commitment of a day at least, whose early end is put off, and can be taken back', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const { account, commit } = operationsOf(endpoint)
    expect(await account()).toEqual({ Status: 'DISABLED' })
    expect(await commit('DISABLED')).toEqual({ Status: 'DISABLED' })
    const StartedAt = new Date(endpoint.now())
    const EarliestAllowedEndAt = new Date(endpoint.now() + DAY_MS)
    expect(await commit('ENABLED')).toEqual({ Status: 'ENABLED', StartedAt, EarliestAllowedEndAt })
    room.time.advance(1000)
    const ending = { Status: 'ENABLED_UNTIL_EARLIEST_ALLOWED_END', StartedAt, EarliestAllowedEndAt }
    expect(await commit('DISABLED')).toEqual(ending)
    expect(await commit('ENABLED')).toEqual({ Status: 'ENABLED', StartedAt, EarliestAllowedEndAt })
    await commit('DISABLED')
    room.time.advance(DAY_MS)
    expect(await account()).toEqual({ Status: 'DISABLED', StartedAt, EndedAt: EarliestAllowedEndAt })
    await commit('ENABLED')
    room.time.advance(2 * DAY_MS)
    const EndedAt = new Date(endpoint.now())
    expect(await commit('DISABLED')).toMatchObject({ Status: 'DISABLED', EndedAt })
  })

  it('are the same for every endpoint of a broker, and changed by who may manage every stream', async () => {
    await using room = await smallBroker()
    await using one = await room.endpoint()
    await using other = await room.endpoint()
    expect(await refusalOf(operationsOf(one).commit('ENABLED', callerWith('describe')))).toBe(
      `AccessDeniedException: User: arn:aws:iam::${ACCOUNT}:user/alice is not authorized to perform: ` +
        'kinesis:UpdateAccountSettings on resource: * because no identity-based policy allows the ' +
        'kinesis:UpdateAccountSettings action',
    )
    await operationsOf(one).commit('ENABLED')
    expect(await operationsOf(other).account()).toMatchObject({ Status: 'ENABLED' })
  })
})
