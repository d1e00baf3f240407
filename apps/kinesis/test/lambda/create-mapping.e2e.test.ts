// CreateEventSourceMapping by AWS' SDK for JavaScript: what is kept of it, and what is refused. An endpoint with a broker in this process.
import {
  CreateEventSourceMappingCommand,
  type CreateEventSourceMappingCommandInput,
} from '@aws-sdk/client-lambda'
import { deliveryKinds } from 'millrace/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName } from '../clients/support/endpoint.ts'
import { defaultMapping } from './support/default-mapping.ts'
import { ACCOUNT, functionArnOf, LambdaWorld, streamArnOf } from './support/lambda-world.ts'

let world: LambdaWorld
const NOW = 1_750_000_000_000
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

beforeAll(async () => {
  world = await LambdaWorld.start({ clock: () => NOW })
})
afterAll(async () => await world[Symbol.asyncDispose]())

describe('CreateEventSourceMapping', () => {
  it('keeps what the app carries out, and answers with the defaults of the service', async () => {
    const name = await world.function()
    const stream = await world.stream()
    const made = await world.made({ FunctionName: name, EventSourceArn: streamArnOf(stream) })
    expect(made.$metadata.httpStatusCode).toBe(202)
    const { $metadata: _, ...configuration } = made
    expect(configuration).toEqual({
      ...defaultMapping,
      UUID: expect.stringMatching(UUID) as string,
      StartingPosition: 'TRIM_HORIZON',
      EventSourceArn: streamArnOf(stream),
      FunctionArn: functionArnOf(name),
      LastModified: new Date(NOW),
      EventSourceMappingArn: `arn:aws:lambda:us-east-1:${ACCOUNT}:event-source-mapping:${made.UUID}`,
    })
    expect(await world.mapping(made.UUID)).toEqual({
      createdAt: NOW,
      updatedAt: NOW,
      version: 1,
      function: name,
      source: { stream, from: 'TRIM_HORIZON' },
      state: 'enabled',
      batchSize: 100,
      batchWindowMs: 0,
      parallelizationFactor: 1,
      retriesMax: -1,
      recordAgeMaxMs: -1,
      bisectsOnError: false,
      reportsItemFailures: false,
      tumblingWindowMs: 0,
      filters: [],
      tags: {},
      asGiven: { lambda: { EventSourceArn: streamArnOf(stream), StartingPosition: 'TRIM_HORIZON' } },
    })
  })

  it('takes every parameter of a stream, and shows it again', async () => {
    const failed = await world.stream()
    const given = {
      Enabled: false,
      BatchSize: 500,
      MaximumBatchingWindowInSeconds: 5,
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 3,
      MaximumRecordAgeInSeconds: 60,
      TumblingWindowInSeconds: 30,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      FilterCriteria: { Filters: [{ Pattern: '{"data":{"region":["eu"]}}' }] },
      DestinationConfig: { OnFailure: { Destination: streamArnOf(failed) } },
      KMSKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/1234',
      MetricsConfig: { Metrics: ['EventCount'] },
    } satisfies Partial<CreateEventSourceMappingCommandInput>
    const { UUID: uuid } = await world.made({ ...given, Tags: { team: 'data' } })
    const { Enabled: _, ...shown } = given
    expect(await world.describe(uuid)).toMatchObject(shown)
    expect(await world.mapping(uuid)).toMatchObject({
      state: 'disabled',
      batchSize: 500,
      batchWindowMs: 5000,
      retriesMax: 3,
      recordAgeMaxMs: 60_000,
      bisectsOnError: true,
      reportsItemFailures: true,
      tumblingWindowMs: 30_000,
      filters: ['{"data":{"region":["eu"]}}'],
      onFailure: { type: 'stream', stream: failed },
      tags: { team: 'data' },
    })
  })

  it('begins LATEST at the time of the creation, whenever the app begins', async () => {
    const { UUID: uuid } = await world.made({ StartingPosition: 'LATEST' })
    expect((await world.mapping(uuid))!.source.from).toEqual({ atTimestamp: NOW })
    const described = await world.describe(uuid)
    expect(described.StartingPosition).toBe('LATEST')
    expect(described.StartingPositionTimestamp).toBeUndefined()
  })

  it('begins at a time of the past', async () => {
    const StartingPositionTimestamp = new Date(NOW - 60_000)
    const { UUID: uuid } = await world.made({ StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp })
    expect((await world.mapping(uuid))!.source.from).toEqual({ atTimestamp: NOW - 60_000 })
    expect(await world.describe(uuid)).toMatchObject({
      StartingPosition: 'AT_TIMESTAMP',
      StartingPositionTimestamp,
    })
  })

  it.each([
    ['a name', (name: string) => name],
    ['a partial ARN', (name: string) => `${ACCOUNT}:function:${name}`],
    ['an ARN', functionArnOf],
    ['an ARN of the latest version', (name: string) => `${functionArnOf(name)}:$LATEST`],
  ])('takes %s of a function', async (_, text) => {
    const name = await world.function()
    const { UUID: uuid } = await world.made({ FunctionName: text(name) })
    expect((await world.mapping(uuid))!.function).toBe(name)
  })

  it('reads as a registered consumer, by its ARN', async () => {
    const stream = await world.stream()
    const { createdAt } = await world.endpoint.native.registerConsumer(stream, 'fan')
    const EventSourceArn = `${streamArnOf(stream)}/consumer/fan:${Math.floor(createdAt.getTime() / 1000)}`
    const { UUID: uuid } = await world.made({ EventSourceArn })
    expect((await world.mapping(uuid))!.source).toEqual({ stream, consumer: 'fan', from: 'TRIM_HORIZON' })
    expect((await world.describe(uuid)).EventSourceArn).toBe(EventSourceArn)
    await expect(
      world.made({ EventSourceArn: EventSourceArn.replace('/fan:', '/other:') }),
    ).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
    })
  })

  it('tells of failures to a Firehose delivery', async () => {
    const delivery = freshName('delivery')
    const stream = await world.stream()
    await world.endpoint.native
      .documents(deliveryKinds.definitions)
      .put(delivery, { state: 'active', source: { stream, from: 'TRIM_HORIZON', isOwn: true } })
    const Destination = `arn:aws:firehose:us-east-1:${ACCOUNT}:deliverystream/${delivery}`
    const { UUID: uuid } = await world.made({ DestinationConfig: { OnFailure: { Destination } } })
    expect((await world.mapping(uuid))!.onFailure).toEqual({ type: 'delivery', delivery })
    expect((await world.describe(uuid)).DestinationConfig).toEqual({ OnFailure: { Destination } })
  })

  it('refuses a second mapping of a function to a stream, also where both are asked for at once', async () => {
    const FunctionName = await world.function()
    const EventSourceArn = streamArnOf(await world.stream())
    const results = await Promise.allSettled([
      world.made({ FunctionName, EventSourceArn }),
      world.made({ FunctionName, EventSourceArn }),
    ])
    const made = results.find((result) => result.status === 'fulfilled')!
    expect(results.filter(({ status }) => status === 'rejected')).toMatchObject([
      {
        reason: {
          name: 'ResourceConflictException',
          message: `The event source arn (" ${EventSourceArn} ") and function (" ${FunctionName} ") provided mapping already exists. Please update or delete the existing mapping with UUID ${made.value.UUID}`,
          $metadata: { httpStatusCode: 409 },
        },
      },
    ])
    await world.made({ EventSourceArn })
    await world.made({ FunctionName })
  })

  it('refuses a stream and a function that are not there', async () => {
    const arn = streamArnOf('nothing')
    await expect(world.made({ EventSourceArn: arn })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: `Stream not found: ${arn}`,
    })
    await expect(world.made({ FunctionName: 'nothing' })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: 'Function does not exist',
    })
  })

  it.each<[string, Partial<CreateEventSourceMappingCommandInput>, string, RegExp]>([
    [
      'a batch that is too large',
      { BatchSize: 10_001 },
      'ValidationException',
      /^1 validation error detected: Value '10001' at 'batchSize' failed to satisfy constraint: Member must have value less than or equal to 10000$/,
    ],
    [
      'a window that is too long',
      { MaximumBatchingWindowInSeconds: 301 },
      'ValidationException',
      /'maximumBatchingWindowInSeconds'/,
    ],
    [
      'no starting position',
      { StartingPosition: undefined },
      'InvalidParameterValueException',
      /Value null at 'startingPosition'/,
    ],
    [
      'a time of no use',
      { StartingPosition: 'LATEST', StartingPositionTimestamp: new Date(0) },
      'InvalidParameterValueException',
      /not valid with/,
    ],
    ['no time', { StartingPosition: 'AT_TIMESTAMP' }, 'InvalidParameterValueException', /is required/],
    [
      'a time to come',
      { StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: new Date(NOW + 1000) },
      'InvalidParameterValueException',
      /cannot be in the future/,
    ],
    [
      'an age that is too low',
      { MaximumRecordAgeInSeconds: 59 },
      'InvalidParameterValueException',
      /from 60 to 604800/,
    ],
    [
      'windows of two lanes',
      { TumblingWindowInSeconds: 1, ParallelizationFactor: 2 },
      'InvalidParameterValueException',
      /ParallelizationFactor must be 1/,
    ],
    [
      'a filter that is no JSON',
      { FilterCriteria: { Filters: [{ Pattern: '{' }] } },
      'InvalidParameterValueException',
      /Invalid filter pattern definition/,
    ],
    [
      'a filter of something else',
      { FilterCriteria: { Filters: [{ Pattern: '{"body":{}}' }] } },
      'InvalidParameterValueException',
      /body: A record is filtered by data/,
    ],
    [
      'a filter with an operator that there is not, by its place',
      { FilterCriteria: { Filters: [{ Pattern: '{"data":{"price":[{"cidr":"10.0.0.0/8"}]}}' }] } },
      'InvalidParameterValueException',
      /data\.price\[0\].*There is no operator "cidr"/,
    ],
    ['a queue', { Queues: ['orders'] }, 'InvalidParameterValueException', /^Queues is not supported/],
    [
      'pollers',
      { ProvisionedPollerConfig: { MinimumPollers: 1 } },
      'InvalidParameterValueException',
      /^ProvisionedPollerConfig is not/,
    ],
    [
      'what is no stream',
      { EventSourceArn: `arn:aws:sqs:us-east-1:${ACCOUNT}:orders` },
      'InvalidParameterValueException',
      /^Unrecognized event source/,
    ],
    [
      'a failure destination of another service',
      { DestinationConfig: { OnFailure: { Destination: `arn:aws:sqs:us-east-1:${ACCOUNT}:failed` } } },
      'InvalidParameterValueException',
      /arn:aws:sqs:us-east-1:000000000000:failed is not supported/,
    ],
    [
      'a failure destination that is not there',
      { DestinationConfig: { OnFailure: { Destination: streamArnOf('nothing') } } },
      'InvalidParameterValueException',
      /does not exist/,
    ],
    [
      'a success destination',
      { DestinationConfig: { OnSuccess: { Destination: streamArnOf('any') } } },
      'InvalidParameterValueException',
      /Unsupported DestinationConfig/,
    ],
    ['reserved tags', { Tags: { 'aws:x': 'y' } }, 'InvalidParameterValueException', /reserved/],
    [
      'a function of another region',
      { FunctionName: `arn:aws:lambda:eu-west-1:${ACCOUNT}:function:f` },
      'ResourceNotFoundException',
      /not reachable in this region/,
    ],
  ])('refuses %s, and keeps nothing', async (_, more, name, reason) => {
    const before = await world.listed()
    await expect(world.made(more)).rejects.toMatchObject({
      name,
      message: expect.stringMatching(reason) as string,
    })
    expect(await world.listed()).toEqual(before)
  })

  it('refuses the event source as failure destination: it would never end', async () => {
    const EventSourceArn = streamArnOf(await world.stream())
    const DestinationConfig = { OnFailure: { Destination: EventSourceArn } }
    await expect(world.made({ EventSourceArn, DestinationConfig })).rejects.toMatchObject({
      message: expect.stringMatching(/is the event source/) as string,
    })
  })

  it('asks for a stream', async () => {
    const asking = world.client.send(
      new CreateEventSourceMappingCommand({
        FunctionName: await world.function(),
        StartingPosition: 'LATEST',
      }),
    )
    await expect(asking).rejects.toMatchObject({
      message: expect.stringMatching(/'eventSourceArn'/) as string,
    })
  })
})
