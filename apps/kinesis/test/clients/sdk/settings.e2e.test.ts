// What else a stream has: tags, modes, sizes, encryption, monitoring, policies; and the account. By the JavaScript SDK.
import {
  AddTagsToStreamCommand,
  CreateStreamCommand,
  DeleteResourcePolicyCommand,
  DescribeAccountSettingsCommand,
  DescribeLimitsCommand,
  DescribeStreamSummaryCommand,
  DisableEnhancedMonitoringCommand,
  EnableEnhancedMonitoringCommand,
  GetRecordsCommand,
  GetResourcePolicyCommand,
  GetShardIteratorCommand,
  ListChannelsCommand,
  ListTagsForResourceCommand,
  ListTagsForStreamCommand,
  PutRecordCommand,
  PutResourcePolicyCommand,
  RegisterStreamConsumerCommand,
  RemoveTagsFromStreamCommand,
  StartStreamEncryptionCommand,
  StopStreamEncryptionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAccountSettingsCommand,
  UpdateMaxRecordSizeCommand,
  UpdateStreamModeCommand,
  UpdateStreamRecordDistributionStrategyCommand,
  UpdateStreamWarmThroughputCommand,
  type KinesisClient,
} from '@aws-sdk/client-kinesis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName, TestEndpoint } from '../support/endpoint.ts'
import { bytes } from '../support/sdk.ts'

let endpoint: TestEndpoint
let client: KinesisClient

beforeAll(async () => {
  endpoint = await TestEndpoint.start()
  client = endpoint.client()
})
afterAll(async () => await endpoint[Symbol.asyncDispose]())

const create = async (more: { ShardCount?: number; Tags?: Record<string, string> } = { ShardCount: 1 }) => {
  const name = freshName()
  await client.send(new CreateStreamCommand({ StreamName: name, ...more }))
  return { name, arn: `arn:aws:kinesis:us-east-1:000000000000:stream/${name}` }
}
const summaryOf = async (name: string) =>
  (await client.send(new DescribeStreamSummaryCommand({ StreamName: name }))).StreamDescriptionSummary!

describe('tags', () => {
  it('of a stream: given at its creation, added, paged, removed, and the same by ARN', async () => {
    const { name, arn } = await create({ ShardCount: 1, Tags: { team: 'web' } })
    await client.send(new AddTagsToStreamCommand({ StreamName: name, Tags: { a: '1', b: '' } }))
    await client.send(new TagResourceCommand({ ResourceARN: arn, Tags: { c: '3' } }))
    const all = [
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '' },
      { Key: 'c', Value: '3' },
      { Key: 'team', Value: 'web' },
    ]
    const whole = await client.send(new ListTagsForStreamCommand({ StreamName: name }))
    expect(whole).toMatchObject({ Tags: all, HasMoreTags: false })
    const page = await client.send(new ListTagsForStreamCommand({ StreamName: name, Limit: 2 }))
    expect(page).toMatchObject({ Tags: all.slice(0, 2), HasMoreTags: true })
    const rest = await client.send(
      new ListTagsForStreamCommand({ StreamName: name, ExclusiveStartTagKey: 'b' }),
    )
    expect(rest.Tags).toEqual(all.slice(2))
    await client.send(new RemoveTagsFromStreamCommand({ StreamName: name, TagKeys: ['a', 'never'] }))
    await client.send(new UntagResourceCommand({ ResourceARN: arn, TagKeys: ['b'] }))
    const left = await client.send(new ListTagsForResourceCommand({ ResourceARN: arn }))
    expect(left.Tags!.toSorted((a, b) => (a.Key! < b.Key! ? -1 : 1))).toEqual(all.slice(2))
  })

  it('of a consumer, by its ARN', async () => {
    const { arn } = await create()
    const { Consumer } = await client.send(
      new RegisterStreamConsumerCommand({ StreamARN: arn, ConsumerName: 'reader', Tags: { a: '1' } }),
    )
    const ResourceARN = Consumer!.ConsumerARN!
    await client.send(new TagResourceCommand({ ResourceARN, Tags: { b: '2' } }))
    await client.send(new UntagResourceCommand({ ResourceARN, TagKeys: ['a'] }))
    const { Tags } = await client.send(new ListTagsForResourceCommand({ ResourceARN }))
    expect(Tags).toEqual([{ Key: 'b', Value: '2' }])
  })

  it('more than 50, and keys that begin with aws:, are refused', async () => {
    const { name } = await create()
    const many = (from: number, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`key-${from + at}`, 'v']))
    await client.send(new AddTagsToStreamCommand({ StreamName: name, Tags: many(0, 10) }))
    await client.send(new AddTagsToStreamCommand({ StreamName: name, Tags: many(10, 40) }))
    const over = client.send(new AddTagsToStreamCommand({ StreamName: name, Tags: many(50, 1) }))
    await expect(over).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } })
    const reserved = client.send(new AddTagsToStreamCommand({ StreamName: name, Tags: { 'aws:a': 'v' } }))
    await expect(reserved).rejects.toMatchObject({ name: 'InvalidArgumentException' })
  })
})

describe('modes and sizes', () => {
  it('UpdateStreamMode: goes on demand and back, and keeps the shards', async () => {
    const { name, arn } = await create({ ShardCount: 2 })
    const mode = async (StreamMode: 'ON_DEMAND' | 'PROVISIONED') => {
      const command = new UpdateStreamModeCommand({ StreamARN: arn, StreamModeDetails: { StreamMode } })
      await client.send(command)
      await expect.poll(async () => (await summaryOf(name)).StreamStatus).toBe('ACTIVE')
      return summaryOf(name)
    }
    const onDemand = await mode('ON_DEMAND')
    expect(onDemand).toMatchObject({ StreamModeDetails: { StreamMode: 'ON_DEMAND' }, OpenShardCount: 2 })
    const back = await mode('PROVISIONED')
    expect(back).toMatchObject({ StreamModeDetails: { StreamMode: 'PROVISIONED' }, OpenShardCount: 2 })
  })

  it('a stream that distributes by itself takes records without a key, and gives them back without one', async () => {
    const { name, arn } = await create({})
    const strategy = (RecordDistributionStrategy: 'AUTO' | 'USER_PARTITION_KEY') =>
      client.send(
        new UpdateStreamRecordDistributionStrategyCommand({ StreamARN: arn, RecordDistributionStrategy }),
      )
    const put = () => client.send(new PutRecordCommand({ StreamName: name, Data: bytes('x') }))
    await expect(put()).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } })
    await strategy('AUTO')
    expect((await summaryOf(name)).RecordDistributionStrategy).toBe('AUTO')
    const { ShardId } = await put()
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamName: name, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
    )
    const { Records } = await client.send(new GetRecordsCommand({ ShardIterator }))
    expect(Records).toHaveLength(1)
    expect(Records![0]!.PartitionKey).toBeUndefined()
    await strategy('USER_PARTITION_KEY')
    await expect(put()).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } })
    const provisioned = await create()
    const refused = client.send(
      new UpdateStreamRecordDistributionStrategyCommand({
        StreamARN: provisioned.arn,
        RecordDistributionStrategy: 'AUTO',
      }),
    )
    await expect(refused).rejects.toMatchObject({ name: 'InvalidArgumentException' })
  })

  it('UpdateMaxRecordSize: is seen in the summary, and bounded', async () => {
    const { name, arn } = await create()
    expect((await summaryOf(name)).MaxRecordSizeInKiB).toBe(1024)
    const update = (MaxRecordSizeInKiB: number) =>
      client.send(new UpdateMaxRecordSizeCommand({ StreamARN: arn, MaxRecordSizeInKiB }))
    await update(2048)
    expect((await summaryOf(name)).MaxRecordSizeInKiB).toBe(2048)
    await expect(update(10_241)).rejects.toMatchObject({ name: 'ValidationException' })
  })

  it('warm throughput asks for the commitment of the account, then names its target', async () => {
    const { name, arn } = await create({})
    const warm = () =>
      client.send(new UpdateStreamWarmThroughputCommand({ StreamARN: arn, WarmThroughputMiBps: 8 }))
    await expect(warm()).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } })
    await client.send(
      new UpdateAccountSettingsCommand({ MinimumThroughputBillingCommitment: { Status: 'ENABLED' } }),
    )
    const settings = await client.send(new DescribeAccountSettingsCommand({}))
    expect(settings.MinimumThroughputBillingCommitment).toMatchObject({ Status: 'ENABLED' })
    expect((await warm()).WarmThroughput).toMatchObject({ TargetMiBps: 8 })
    await expect.poll(async () => (await summaryOf(name)).WarmThroughput).toMatchObject({ TargetMiBps: 8 })
  })

  it('DescribeLimits: counts what is open', async () => {
    const before = await client.send(new DescribeLimitsCommand({}))
    await create({ ShardCount: 3 })
    const after = await client.send(new DescribeLimitsCommand({}))
    expect(after.OpenShardCount! - before.OpenShardCount!).toBe(3)
    expect(after.ShardLimit).toBeGreaterThanOrEqual(after.OpenShardCount!)
  })
})

describe('protection and monitoring', () => {
  it('encryption: its start and end are seen in descriptions and in answers', async () => {
    const { name } = await create()
    const key = { StreamName: name, EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' } as const
    await client.send(new StartStreamEncryptionCommand(key))
    await expect.poll(async () => (await summaryOf(name)).StreamStatus).toBe('ACTIVE')
    expect(await summaryOf(name)).toMatchObject({ EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' })
    const record = { StreamName: name, PartitionKey: 'a', Data: bytes('x') }
    expect((await client.send(new PutRecordCommand(record))).EncryptionType).toBe('KMS')
    await client.send(new StopStreamEncryptionCommand(key))
    await expect.poll(async () => (await summaryOf(name)).EncryptionType).toBe('NONE')
    expect((await client.send(new PutRecordCommand(record))).EncryptionType).toBeUndefined()
  })

  it('enhanced monitoring: answers what was and what is', async () => {
    const { name } = await create()
    const on = await client.send(
      new EnableEnhancedMonitoringCommand({
        StreamName: name,
        ShardLevelMetrics: ['IncomingBytes', 'OutgoingBytes'],
      }),
    )
    expect(on.CurrentShardLevelMetrics).toEqual([])
    expect(on.DesiredShardLevelMetrics!.toSorted()).toEqual(['IncomingBytes', 'OutgoingBytes'])
    const off = await client.send(
      new DisableEnhancedMonitoringCommand({ StreamName: name, ShardLevelMetrics: ['IncomingBytes'] }),
    )
    expect(off.CurrentShardLevelMetrics!.toSorted()).toEqual(['IncomingBytes', 'OutgoingBytes'])
    expect(off.DesiredShardLevelMetrics).toEqual(['OutgoingBytes'])
    const [monitoring] = (await summaryOf(name)).EnhancedMonitoring!
    expect(monitoring!.ShardLevelMetrics).toEqual(['OutgoingBytes'])
  })

  it('a resource policy is kept, given back and deleted', async () => {
    const { arn } = await create()
    const get = async () => (await client.send(new GetResourcePolicyCommand({ ResourceARN: arn }))).Policy
    expect(await get()).toBe('{}')
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: '111122223333' },
          Action: ['kinesis:DescribeStreamSummary', 'kinesis:ListShards'],
          Resource: arn,
        },
      ],
    })
    await client.send(new PutResourcePolicyCommand({ ResourceARN: arn, Policy }))
    expect(JSON.parse((await get())!)).toEqual(JSON.parse(Policy))
    await client.send(new DeleteResourcePolicyCommand({ ResourceARN: arn }))
    expect(await get()).toBe('{}')
    const none = client.send(new DeleteResourcePolicyCommand({ ResourceARN: arn }))
    await expect(none).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })

  it('channels are answered by an error that AWS names, not by a failure', async () => {
    const call = client.send(new ListChannelsCommand({}))
    const outcome = await call.then(
      (answer) => answer.ChannelSummaries,
      (error: { $metadata: { httpStatusCode: number } }) => error.$metadata.httpStatusCode,
    )
    expect([[], 400]).toContainEqual(outcome)
  })
})
