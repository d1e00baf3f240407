// Event source mappings by AWS' SDK for JavaScript: described, listed, changed and deleted. An endpoint with a broker in this process;
// the reports of the app functions are the test's.
import {
  DeleteEventSourceMappingCommand,
  UpdateEventSourceMappingCommand,
  type UpdateEventSourceMappingCommandInput,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { functionArnOf, LambdaWorld, streamArnOf } from './support/lambda-world.ts'

let world: LambdaWorld
const NOW = 1_750_000_000_000

beforeAll(async () => {
  world = await LambdaWorld.start({ clock: () => NOW })
})
afterAll(async () => await world[Symbol.asyncDispose]())

const NO_UUID = '00000000-0000-4000-8000-000000000000'

const update = (uuid: string, more: Partial<UpdateEventSourceMappingCommandInput>) =>
  world.client.send(new UpdateEventSourceMappingCommand({ UUID: uuid, ...more }))

describe('GetEventSourceMapping', () => {
  it('is in the state that the app has reached', async () => {
    const { UUID: uuid } = await world.made()
    const state = async () => (await world.describe(uuid)).State
    expect(await state()).toBe('Creating')
    await world.report(uuid)
    expect(await world.describe(uuid)).toMatchObject({ State: 'Enabled', LastProcessingResult: 'OK' })
    expect((await update(uuid, { BatchSize: 7 })).State).toBe('Updating')
    await world.report(uuid, { version: 2 })
    expect(await state()).toBe('Enabled')
    expect((await update(uuid, { Enabled: false })).State).toBe('Disabling')
    await world.report(uuid, { version: 3, state: 'disabled' })
    expect(await state()).toBe('Disabled')
    expect((await update(uuid, { Enabled: true })).State).toBe('Enabling')
  })

  it('says what the app refuses', async () => {
    const { UUID: uuid } = await world.made()
    await world.report(uuid, { state: 'refused', reason: 'filters[0] cannot be used.' })
    expect((await world.describe(uuid)).LastProcessingResult).toBe('PROBLEM: filters[0] cannot be used.')
  })

  it('shows a mapping that was made through another door', async () => {
    const { UUID: uuid, EventSourceArn } = await world.made()
    const { asGiven: _, ...mapping } = (await world.mapping(uuid))!
    await world.endpoint.native.documents('event-source-mappings').put(uuid, {
      ...mapping,
      batchWindowMs: 1500,
      onFailure: { type: 'http', url: 'https://failures.example/' },
    })
    expect(await world.describe(uuid)).toMatchObject({
      EventSourceArn,
      StartingPosition: 'TRIM_HORIZON',
      MaximumBatchingWindowInSeconds: 2,
      DestinationConfig: { OnFailure: { Destination: 'https://failures.example/' } },
    })
  })

  it.each([
    ['described', () => world.describe(NO_UUID)],
    ['changed', () => update(NO_UUID, { BatchSize: 1 })],
    ['deleted', () => world.client.send(new DeleteEventSourceMappingCommand({ UUID: NO_UUID }))],
  ])('one that is not there cannot be %s', async (_, ask) => {
    await expect(ask()).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'The resource you requested does not exist.',
      $metadata: { httpStatusCode: 404 },
    })
  })
})

describe('ListEventSourceMappings', () => {
  it('lists those of a function, of a stream, and of both, a page at a time', async () => {
    const FunctionName = await world.function()
    const [one, two] = [streamArnOf(await world.stream()), streamArnOf(await world.stream())]
    const first = await world.made({ FunctionName, EventSourceArn: one })
    const second = await world.made({ FunctionName, EventSourceArn: two })
    const third = await world.made({ EventSourceArn: one })
    const sorted = (...made: readonly { readonly UUID: string }[]) =>
      made.map(({ UUID: uuid }) => uuid).sort()
    expect(await world.listed({ FunctionName })).toEqual(sorted(first, second))
    expect(await world.listed({ FunctionName, MaxItems: 1 })).toEqual(sorted(first, second))
    expect(await world.listed({ FunctionName: functionArnOf(FunctionName) })).toEqual(sorted(first, second))
    expect(await world.listed({ EventSourceArn: one })).toEqual(sorted(first, third))
    expect(await world.listed({ EventSourceArn: two, FunctionName })).toEqual(sorted(second))
    expect(await world.listed({})).toEqual(expect.arrayContaining(sorted(first, second, third)))
    await expect(world.listed({ Marker: 'no marker' })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
    })
  })
})

describe('UpdateEventSourceMapping', () => {
  it('changes what it names, leaves all else, and counts the version up', async () => {
    const { UUID: uuid } = await world.made({
      BatchSize: 7,
      StartingPosition: 'LATEST',
      DestinationConfig: { OnFailure: { Destination: streamArnOf(await world.stream()) } },
      FilterCriteria: { Filters: [{ Pattern: '{"partitionKey":["a"]}' }] },
    })
    const before = (await world.mapping(uuid))!
    const FunctionName = await world.function()
    const changed = await update(uuid, { FunctionName, MaximumRetryAttempts: 2 })
    expect(changed).toMatchObject({ FunctionArn: functionArnOf(FunctionName), StartingPosition: 'LATEST' })
    expect(await world.mapping(uuid)).toEqual({
      ...before,
      function: FunctionName,
      retriesMax: 2,
      version: 2,
    })
    await update(uuid, { DestinationConfig: { OnFailure: { Destination: '' } }, FilterCriteria: {} })
    const { onFailure: _, ...rest } = before
    expect(await world.mapping(uuid)).toEqual({
      ...rest,
      function: FunctionName,
      retriesMax: 2,
      version: 3,
      filters: [],
    })
  })

  it('refuses a function that is not there, and one that reads the stream already', async () => {
    const { UUID: uuid, EventSourceArn } = await world.made()
    await expect(update(uuid, { FunctionName: 'nothing' })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
    })
    const FunctionName = await world.function()
    await world.made({ FunctionName, EventSourceArn })
    await expect(update(uuid, { FunctionName })).rejects.toMatchObject({ name: 'ResourceConflictException' })
    expect((await world.mapping(uuid))!.version).toBe(1)
  })

  it('refuses what does not go with what is there', async () => {
    const { UUID: uuid } = await world.made({ ParallelizationFactor: 4 })
    await expect(update(uuid, { TumblingWindowInSeconds: 10 })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
    })
  })
})

describe('DeleteEventSourceMapping', () => {
  const remove = (uuid: string) => world.client.send(new DeleteEventSourceMappingCommand({ UUID: uuid }))

  it('removes at once what no app reads for, with all that is kept of it', async () => {
    const { UUID: uuid } = await world.made()
    await world.report(uuid)
    const progress = world.endpoint.native.documents('event-source-progress')
    await progress.put(`${uuid}/1/0`, { epoch: 1 })
    expect(await remove(uuid)).toMatchObject({ UUID: uuid, State: 'Deleting' })
    await expect(world.describe(uuid)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    expect(await progress.get(`${uuid}/1/0`)).toBeUndefined()
    expect(await world.endpoint.native.documents('event-source-reports').get(uuid)).toBeUndefined()
  })

  it('leaves to the app what the app reads for', async () => {
    const { UUID: uuid, EventSourceArn } = await world.made()
    const stream = EventSourceArn!.split('/')[1]!
    const group = world.endpoint.native.group({ name: `function.${uuid}`, stream, from: 'TRIM_HORIZON' })
    const running = group.run(() => Promise.resolve())
    await expect
      .poll(() =>
        world.endpoint.native.describeGroup(`function.${uuid}`).then(
          ({ members }) => members.length,
          () => 0,
        ),
      )
      .toBe(1)
    await remove(uuid)
    expect((await world.describe(uuid)).State).toBe('Deleting')
    await expect(update(uuid, { BatchSize: 1 })).rejects.toMatchObject({ name: 'ResourceInUseException' })
    await group.stop()
    await running
  })
})
