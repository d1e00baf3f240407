// Delivery streams by AWS' SDK for JavaScript: changed, listed, tagged, encrypted and deleted. An endpoint with a broker
// in this process; the verdicts of the app delivery are the test's.
import {
  CreateDeliveryStreamCommand,
  DeleteDeliveryStreamCommand,
  ListDeliveryStreamsCommand,
  ListTagsForDeliveryStreamCommand,
  StartDeliveryStreamEncryptionCommand,
  StopDeliveryStreamEncryptionCommand,
  TagDeliveryStreamCommand,
  UntagDeliveryStreamCommand,
  UpdateDestinationCommand,
  type UpdateDestinationCommandInput,
} from '@aws-sdk/client-firehose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName } from '../clients/support/endpoint.ts'
import { ACCOUNT, FirehoseWorld, lake, ROLE, toCollector, toLake } from './support/firehose-world.ts'

let world: FirehoseWorld

beforeAll(async () => {
  world = await FirehoseWorld.start()
})
afterAll(async () => await world[Symbol.asyncDispose]())

const update = (name: string, more: Partial<UpdateDestinationCommandInput> = {}) =>
  world.client.send(
    new UpdateDestinationCommand({
      DeliveryStreamName: name,
      CurrentDeliveryStreamVersionId: '1',
      DestinationId: 'destinationId-000000000001',
      ...more,
    }),
  )

describe('UpdateDestination', () => {
  it('changes what it names, leaves all else, and counts the version up', async () => {
    const name = await world.made({
      ExtendedS3DestinationConfiguration: {
        ...lake,
        Prefix: 'in/',
        FileExtension: '.log',
        CompressionFormat: 'ZIP',
      },
    })
    await update(name, {
      ExtendedS3DestinationUpdate: {
        CompressionFormat: 'GZIP',
        BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 60 },
      },
    })
    expect(await world.definition(name)).toMatchObject({
      version: 2,
      prefix: 'in/',
      extension: '.log',
      compression: 'gzip',
      buffer: { bytes: 1024 * 1024, intervalMs: 60_000 },
    })
    const described = await world.describe(name)
    expect(described.VersionId).toBe('2')
    expect(described.LastUpdateTimestamp!.getTime()).toBeGreaterThanOrEqual(
      described.CreateTimestamp!.getTime(),
    )
  })

  it('keeps the access key of an HTTP endpoint, which nobody is told', async () => {
    const name = await world.made({
      ExtendedS3DestinationConfiguration: undefined,
      HttpEndpointDestinationConfiguration: toCollector,
    })
    await update(name, {
      HttpEndpointDestinationUpdate: { EndpointConfiguration: { Url: 'https://other.example/' } },
    })
    expect((await world.definition(name))!.destination).toMatchObject({
      url: 'https://other.example/',
      accessKey: 'secret',
    })
  })

  it.each<[string, Partial<UpdateDestinationCommandInput>, string, RegExp]>([
    [
      'another version',
      { CurrentDeliveryStreamVersionId: '2', ExtendedS3DestinationUpdate: {} },
      'ConcurrentModificationException',
      /fetch the VersionId/,
    ],
    [
      'another destination',
      { DestinationId: 'destinationId-2', ExtendedS3DestinationUpdate: {} },
      'InvalidArgumentException',
      /not found/,
    ],
    ['nothing to change', {}, 'InvalidArgumentException', /Exactly one destination update/],
    [
      'another type',
      { HttpEndpointDestinationUpdate: {} },
      'InvalidArgumentException',
      /type of a destination cannot be changed/,
    ],
    [
      'the end of a backup',
      { ExtendedS3DestinationUpdate: { S3BackupMode: 'Disabled' } },
      'InvalidArgumentException',
      /cannot be disabled/,
    ],
    [
      'the beginning of partitions',
      { ExtendedS3DestinationUpdate: { DynamicPartitioningConfiguration: { Enabled: true } } },
      'InvalidArgumentException',
      /only be enabled when the delivery stream is created/,
    ],
  ])('refuses %s, and changes nothing', async (_, more, code, reason) => {
    const name = await world.made({
      ExtendedS3DestinationConfiguration: { ...lake, S3BackupMode: 'Enabled', S3BackupConfiguration: lake },
    })
    await expect(update(name, more)).rejects.toMatchObject({
      name: code,
      message: expect.stringMatching(reason) as string,
    })
    expect((await world.definition(name))!.version).toBe(1)
  })

  it('is refused for a delivery that was changed through another door, which is shown as it is', async () => {
    const name = await world.made({ ExtendedS3DestinationConfiguration: { ...lake, Prefix: 'in/' } })
    const definition = (await world.definition(name))!
    const changed = { ...definition, version: 2, prefix: 'other/' }
    await world.endpoint.native.documents('deliveries').put(name, changed)
    const [destination] = (await world.describe(name)).Destinations!
    expect(destination!.ExtendedS3DestinationDescription).toMatchObject({ Prefix: 'other/' })
    const more = { CurrentDeliveryStreamVersionId: '2', ExtendedS3DestinationUpdate: { Prefix: 'in/' } }
    await expect(update(name, more)).rejects.toMatchObject({ name: 'InvalidArgumentException' })
    expect(await world.definition(name)).toMatchObject({ version: 2, prefix: 'other/' })
  })
})

describe('ListDeliveryStreams', () => {
  it('lists by name, a page at a time, and by type', async () => {
    await using other = await FirehoseWorld.start()
    for (const name of ['c', 'a', 'b']) await other.client.send(new CreateDeliveryStreamCommand(toLake(name)))
    await other.endpoint.native.createStream('s')
    const KinesisStreamARN = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/s`
    await other.client.send(
      new CreateDeliveryStreamCommand({
        ...toLake('d'),
        DeliveryStreamType: 'KinesisStreamAsSource',
        KinesisStreamSourceConfiguration: { KinesisStreamARN, RoleARN: ROLE },
      }),
    )
    const list = async (input: object) => {
      const answer = await other.client.send(new ListDeliveryStreamsCommand(input))
      return [answer.DeliveryStreamNames, answer.HasMoreDeliveryStreams]
    }
    expect(await list({})).toEqual([['a', 'b', 'c', 'd'], false])
    expect(await list({ Limit: 2 })).toEqual([['a', 'b'], true])
    expect(await list({ Limit: 2, ExclusiveStartDeliveryStreamName: 'b' })).toEqual([['c', 'd'], false])
    expect(await list({ DeliveryStreamType: 'KinesisStreamAsSource' })).toEqual([['d'], false])
    expect(await list({ DeliveryStreamType: 'DirectPut', Limit: 3 })).toEqual([['a', 'b', 'c'], false])
  })
})

describe('tags', () => {
  it('are added, listed by key, and removed, and leave the version as it is', async () => {
    const name = await world.made({ Tags: [{ Key: 'b', Value: '1' }] })
    const DeliveryStreamName = name
    await world.client.send(
      new TagDeliveryStreamCommand({
        DeliveryStreamName,
        Tags: [{ Key: 'a' }, { Key: 'c', Value: '3' }, { Key: 'b', Value: '2' }],
      }),
    )
    const list = async (input: object = {}) => {
      const { Tags, HasMoreTags } = await world.client.send(
        new ListTagsForDeliveryStreamCommand({ DeliveryStreamName, ...input }),
      )
      return [Tags!.map(({ Key, Value }) => `${Key}=${Value}`), HasMoreTags]
    }
    expect(await list()).toEqual([['a=', 'b=2', 'c=3'], false])
    expect(await list({ Limit: 1, ExclusiveStartTagKey: 'a' })).toEqual([['b=2'], true])
    await world.client.send(
      new UntagDeliveryStreamCommand({ DeliveryStreamName, TagKeys: ['a', 'c', 'none'] }),
    )
    expect(await list()).toEqual([['b=2'], false])
    expect((await world.describe(name)).VersionId).toBe('1')
  })

  it('are fifty at most', async () => {
    const name = await world.made()
    const tag = (from: number, count: number) =>
      world.client.send(
        new TagDeliveryStreamCommand({
          DeliveryStreamName: name,
          Tags: Array.from({ length: count }, (_, at) => ({ Key: `k${from + at}`, Value: 'v' })),
        }),
      )
    await tag(0, 50)
    await expect(tag(50, 1)).rejects.toMatchObject({ name: 'InvalidArgumentException' })
  })
})

describe('encryption', () => {
  it('is kept and shown', async () => {
    const name = await world.made()
    const KeyARN = 'arn:aws:kms:us-east-1:123456789012:key/1234'
    await world.client.send(
      new StartDeliveryStreamEncryptionCommand({
        DeliveryStreamName: name,
        DeliveryStreamEncryptionConfigurationInput: { KeyType: 'CUSTOMER_MANAGED_CMK', KeyARN },
      }),
    )
    const shown = async () => (await world.describe(name)).DeliveryStreamEncryptionConfiguration
    expect(await shown()).toEqual({ Status: 'ENABLED', KeyType: 'CUSTOMER_MANAGED_CMK', KeyARN })
    await world.client.send(new StopDeliveryStreamEncryptionCommand({ DeliveryStreamName: name }))
    expect(await shown()).toEqual({ Status: 'DISABLED' })
  })

  it('is refused where it could not be shown', async () => {
    const start = (name: string) =>
      world.client.send(new StartDeliveryStreamEncryptionCommand({ DeliveryStreamName: name }))
    const stream = freshName()
    await world.endpoint.native.createStream(stream)
    const KinesisStreamARN = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/${stream}`
    const reading = await world.made({
      DeliveryStreamType: 'KinesisStreamAsSource',
      KinesisStreamSourceConfiguration: { KinesisStreamARN, RoleARN: ROLE },
    })
    await expect(start(reading)).rejects.toMatchObject({ name: 'InvalidArgumentException' })
    const name = await world.made()
    const { asGiven: _, ...definition } = (await world.definition(name))!
    await world.endpoint.native.documents('deliveries').put(name, definition)
    await expect(start(name)).rejects.toMatchObject({ name: 'InvalidArgumentException' })
  })
})

describe('DeleteDeliveryStream', () => {
  const remove = (name: string) =>
    world.client.send(new DeleteDeliveryStreamCommand({ DeliveryStreamName: name }))

  it('deletes at once what no app has taken on, with its stream', async () => {
    const name = await world.made()
    await remove(name)
    await expect(world.describe(name)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    await expect(world.endpoint.native.describeStream(`${name}.delivery`)).rejects.toMatchObject({
      code: 'streamNotFound',
    })
    await world.client.send(new CreateDeliveryStreamCommand(toLake(name)))
  })

  it('leaves to the app what the app carries out', async () => {
    const name = await world.made()
    await world.judge(name, { version: 1, verdict: 'accepted' })
    await remove(name)
    expect((await world.describe(name)).DeliveryStreamStatus).toBe('DELETING')
    expect((await world.definition(name))!.state).toBe('deleting')
    await world.endpoint.native.describeStream(`${name}.delivery`)
  })

  it('leaves the stream alone that a delivery reads', async () => {
    const stream = freshName()
    await world.endpoint.native.createStream(stream)
    const KinesisStreamARN = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/${stream}`
    const name = await world.made({
      DeliveryStreamType: 'KinesisStreamAsSource',
      KinesisStreamSourceConfiguration: { KinesisStreamARN, RoleARN: ROLE },
    })
    await remove(name)
    await world.endpoint.native.describeStream(stream)
  })
})
