// CreateDeliveryStream by AWS' SDK for JavaScript: what becomes of a request, and what is refused. An endpoint with a broker in this process.
import { CreateDeliveryStreamCommand, type CreateDeliveryStreamCommandInput } from '@aws-sdk/client-firehose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName } from '../clients/support/endpoint.ts'
import { ACCOUNT, FirehoseWorld, lake, ROLE, toCollector, toLake } from './support/firehose-world.ts'

let world: FirehoseWorld

beforeAll(async () => {
  world = await FirehoseWorld.start()
})
afterAll(async () => await world[Symbol.asyncDispose]())

const create = (input: CreateDeliveryStreamCommandInput) =>
  world.client.send(new CreateDeliveryStreamCommand(input))

describe('CreateDeliveryStream', () => {
  it('makes a definition with a stream of its own for direct puts', async () => {
    const name = freshName('delivery')
    const { DeliveryStreamARN } = await create({ ...toLake(name), Tags: [{ Key: 'team', Value: 'data' }] })
    expect(DeliveryStreamARN).toBe(`arn:aws:firehose:us-east-1:${ACCOUNT}:deliverystream/${name}`)
    expect(await world.definition(name)).toMatchObject({
      version: 1,
      state: 'active',
      source: { stream: `${name}.delivery`, from: 'TRIM_HORIZON', isOwn: true },
      destination: { type: 's3', bucket: 'lake' },
      tags: { team: 'data' },
    })
    const stream = await world.endpoint.native.describeStream(`${name}.delivery`)
    expect([stream.mode, stream.openShardCount]).toEqual(['on-demand', 1])
  })

  it('reads a Kinesis stream from the moment of its making on', async () => {
    const stream = freshName()
    await world.endpoint.native.createStream(stream)
    const KinesisStreamARN = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/${stream}`
    const source = { KinesisStreamARN, RoleARN: ROLE }
    const name = await world.made({
      DeliveryStreamType: 'KinesisStreamAsSource',
      KinesisStreamSourceConfiguration: source,
    })
    const definition = (await world.definition(name))!
    expect(definition.source).toEqual({ stream, from: { atTimestamp: definition.createdAt }, isOwn: false })
    expect(definition.deaggregation).toEqual([{ type: 'kpl' }])
    expect((await world.describe(name)).Source).toEqual({
      KinesisStreamSourceDescription: { ...source, DeliveryStartTimestamp: new Date(definition.createdAt) },
    })
  })

  it('refuses a name that there is', async () => {
    const name = await world.made()
    await expect(create(toLake(name))).rejects.toMatchObject({ name: 'ResourceInUseException' })
  })

  it('makes one of two that are made at the same time', async () => {
    const name = freshName('delivery')
    const outcomes = await Promise.allSettled([create(toLake(name)), create(toLake(name))])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await world.definition(name)).toBeDefined()
    await world.endpoint.native.describeStream(`${name}.delivery`)
  })

  it('leaves a stream alone that is not the delivery’s', async () => {
    const name = freshName('delivery')
    await world.endpoint.native.createStream(`${name}.delivery`)
    await expect(create(toLake(name))).rejects.toMatchObject({
      name: 'ResourceInUseException',
      message: expect.stringContaining('choose another name') as string,
    })
    expect(await world.definition(name)).toBeUndefined()
  })

  it.each<[string, Partial<CreateDeliveryStreamCommandInput>, string, RegExp]>([
    [
      'no destination',
      { ExtendedS3DestinationConfiguration: undefined },
      'InvalidArgumentException',
      /Exactly one destination/,
    ],
    [
      'two destinations',
      { HttpEndpointDestinationConfiguration: toCollector },
      'InvalidArgumentException',
      /Exactly one destination/,
    ],
    [
      'a destination that is not built',
      {
        ExtendedS3DestinationConfiguration: undefined,
        SplunkDestinationConfiguration: {
          HECEndpoint: 'https://s',
          HECEndpointType: 'Raw',
          S3Configuration: lake,
        },
      },
      'InvalidArgumentException',
      /Splunk is not supported/,
    ],
    [
      'a source that is not built',
      { DeliveryStreamType: 'MSKAsSource' },
      'InvalidArgumentException',
      /MSKAsSource is not supported/,
    ],
    [
      'a stream source without a stream',
      { DeliveryStreamType: 'KinesisStreamAsSource' },
      'InvalidArgumentException',
      /KinesisStreamSourceConfig must be specified/,
    ],
    [
      'a source stream that is not there',
      {
        DeliveryStreamType: 'KinesisStreamAsSource',
        KinesisStreamSourceConfiguration: {
          KinesisStreamARN: `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/nowhere`,
          RoleARN: ROLE,
        },
      },
      'InvalidArgumentException',
      /Stream nowhere under account 000000000000 not found/,
    ],
    [
      'hints beyond their bounds',
      {
        ExtendedS3DestinationConfiguration: {
          ...lake,
          BufferingHints: { SizeInMBs: 129, IntervalInSeconds: 60 },
        },
      },
      'ValidationException',
      /less than or equal to 128/,
    ],
    [
      'a bad prefix',
      { ExtendedS3DestinationConfiguration: { ...lake, Prefix: '!{timestamp:yyyy}/' } },
      'InvalidArgumentException',
      /ErrorOutputPrefix cannot be null/,
    ],
    [
      'a customer’s key without its ARN',
      { DeliveryStreamEncryptionConfigurationInput: { KeyType: 'CUSTOMER_MANAGED_CMK' } },
      'InvalidArgumentException',
      /KeyARN is required/,
    ],
  ])('refuses %s, and makes nothing', async (_, more, code, reason) => {
    const name = freshName('delivery')
    await expect(create({ ...toLake(name), ...more })).rejects.toMatchObject({
      name: code,
      message: expect.stringMatching(reason) as string,
    })
    expect(await world.definition(name)).toBeUndefined()
    await expect(world.endpoint.native.describeStream(`${name}.delivery`)).rejects.toMatchObject({
      code: 'streamNotFound',
    })
  })
})
