// Functions by AWS' SDK for JavaScript: called, described and tagged. An endpoint with a broker in this process; definitions, and the port
// where functions are called, are the test's.
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  GetFunctionUrlConfigCommand,
  InvokeCommand,
  ListFunctionsCommand,
  ListTagsCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFunctionCodeCommand,
  waitUntilFunctionActiveV2,
  type InvokeCommandInput,
} from '@aws-sdk/client-lambda'
import { functionKinds } from 'millrace/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ACCOUNT, functionArnOf, LambdaWorld } from './support/lambda-world.ts'
import { FakeInvokePort } from './support/fake-invoke-port.ts'

let world: LambdaWorld

beforeAll(async () => {
  world = await LambdaWorld.start()
})
afterAll(async () => await world[Symbol.asyncDispose]())

const endpoints = () => world.endpoint.native.documents(functionKinds.endpoints)
const announce = (port: FakeInvokePort) => endpoints().put('copy', port.announcement())

afterEach(async () => {
  for await (const { name } of endpoints().list()) await endpoints().delete(name)
})

const invoke = (FunctionName: string, more: Partial<InvokeCommandInput> = {}) =>
  world.client.send(new InvokeCommand({ FunctionName, ...more }))

describe('Invoke', () => {
  it('brings the payload to the app with its secret, and the answer back', async () => {
    await using port = await FakeInvokePort.open(() => ({
      status: 200,
      headers: { 'x-amz-executed-version': '$LATEST', 'x-amz-log-result': 'bG9n' },
      body: '{"greeting":"hi"}',
    }))
    await announce(port)
    const name = await world.function()
    const answer = await invoke(functionArnOf(name), {
      Payload: Buffer.from('{"who":"Ada"}'),
      LogType: 'Tail',
    })
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST', LogResult: 'bG9n' })
    expect(answer.FunctionError).toBeUndefined()
    expect(answer.Payload!.transformToString()).toBe('{"greeting":"hi"}')
    expect(port.requests).toMatchObject([
      {
        url: `/2015-03-31/functions/${name}/invocations`,
        body: '{"who":"Ada"}',
        headers: { authorization: 'Bearer a secret', 'x-amz-log-type': 'Tail' },
      },
    ])
  })

  it('gives the error of a function with its answer', async () => {
    const body = '{"errorType":"Error","errorMessage":"no","trace":[]}'
    await using port = await FakeInvokePort.open(() => ({
      status: 200,
      headers: { 'x-amz-function-error': 'Unhandled' },
      body,
    }))
    await announce(port)
    const answer = await invoke(await world.function())
    expect(answer).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' })
    expect(answer.Payload!.transformToString()).toBe(body)
  })

  it.each([
    ['Event', 202],
    ['DryRun', 204],
  ] as const)('answers %s with the status of the app', async (InvocationType, status) => {
    await using port = await FakeInvokePort.open(({ headers }) => ({
      status: headers['x-amz-invocation-type'] === InvocationType ? status : 500,
    }))
    await announce(port)
    const answer = await invoke(await world.function(), { InvocationType })
    expect(answer.StatusCode).toBe(status)
    expect(answer.Payload?.transformToString() ?? '').toBe('')
  })

  it.each([
    [429, 'TooManyRequestsException', 'TooManyRequestsException', 'Rate Exceeded.'],
    [400, 'InvalidRequestContentException', 'InvalidRequestContentException', 'no JSON'],
    [413, 'RequestTooLargeException', 'RequestTooLargeException', 'too large'],
    [403, 'AccessDeniedException', 'ServiceException', undefined],
    [502, '', 'ServiceException', undefined],
  ])(
    'answers a refusal of the app with the status %s and the code %s by %s',
    async (status, code, name, text) => {
      await using port = await FakeInvokePort.open(() => ({
        status,
        headers: { 'x-amzn-errortype': code },
        body: JSON.stringify({ Type: 'User', message: text }),
      }))
      await announce(port)
      const failing = invoke(await world.function())
      await expect(failing).rejects.toMatchObject({ name, ...(text !== undefined && { message: text }) })
      expect(port.requests).toHaveLength(1)
    },
  )

  it('goes to a copy that can be reached, and passes over those that have grown old', async () => {
    await using port = await FakeInvokePort.open(() => ({ status: 200, body: '1' }))
    await announce(port)
    const gone = await FakeInvokePort.open(() => ({ status: 200, body: '2' }))
    const announcement = gone.announcement()
    await gone[Symbol.asyncDispose]()
    await endpoints().put('gone', { ...announcement, renewedAt: announcement.renewedAt + 1000 })
    const answer = await invoke(await world.function())
    expect(answer.Payload!.transformToString()).toBe('1')
    await endpoints().put('copy', { ...port.announcement(), renewedAt: 1 })
    await expect(invoke(await world.function())).rejects.toMatchObject({ name: 'ServiceException' })
    expect(port.requests).toHaveLength(1)
  })

  it('says what to do where nobody runs functions', async () => {
    await expect(invoke(await world.function())).rejects.toMatchObject({
      name: 'ServiceException',
      message: expect.stringContaining('--with functions,kinesis') as string,
    })
  })

  it('calls no function that is not there, and no version but the latest', async () => {
    await using port = await FakeInvokePort.open(() => ({ status: 200, body: '1' }))
    await announce(port)
    const name = await world.function()
    await expect(invoke('nothing')).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: `Function not found: ${functionArnOf('nothing')}`,
      $metadata: { httpStatusCode: 404 },
    })
    await expect(invoke(name, { Qualifier: '3' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    })
    await expect(invoke(`${name}:live`)).rejects.toMatchObject({
      message: `Function not found: ${functionArnOf(name)}:live`,
    })
    await expect(invoke(`${name}:live`, { Qualifier: '3' })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
    })
    await expect(invoke(name, { InvocationType: 'Never' as 'Event' })).rejects.toMatchObject({
      name: 'ValidationException',
    })
    expect(port.requests).toEqual([])
    await invoke(`${name}:$LATEST`)
    await invoke(name, { Qualifier: '$LATEST' })
    expect(port.requests).toHaveLength(2)
  })
})

describe('GetFunction and GetFunctionConfiguration', () => {
  it('describe a module', async () => {
    const FunctionName = await world.function({ tags: { team: 'data' } })
    const configuration = {
      FunctionName,
      FunctionArn: functionArnOf(FunctionName),
      Handler: 'enrich.handler',
      Timeout: 3,
      MemorySize: 256,
      Description: 'adds what is missing',
      LastModified: '2023-11-14T22:13:20.123+0000',
      Version: '$LATEST',
      Environment: { Variables: { STAGE: 'test' } },
      State: 'Active',
      LastUpdateStatus: 'Successful',
      PackageType: 'Zip',
    }
    expect(await world.client.send(new GetFunctionCommand({ FunctionName }))).toMatchObject({
      Configuration: configuration,
      Code: { Location: '/srv/enrich.mjs' },
      Tags: { team: 'data' },
    })
    const described = await world.client.send(new GetFunctionConfigurationCommand({ FunctionName }))
    expect(described).toMatchObject(configuration)
    const waited = await waitUntilFunctionActiveV2(
      { client: world.client, maxWaitTime: 60 },
      { FunctionName },
    )
    expect(waited.state).toBe('SUCCESS')
  })

  it('describe an endpoint', async () => {
    const url = 'http://127.0.0.1:9000/2015-03-31/functions/function/invocations'
    const FunctionName = await world.function({ target: { type: 'http', url }, environment: {} })
    const { Configuration, Code } = await world.client.send(new GetFunctionCommand({ FunctionName }))
    expect(Code!.Location).toBe(url)
    expect(Configuration!.PackageType).toBe('Image')
    expect(Configuration!.Handler).toBeUndefined()
  })
})

describe('ListFunctions', () => {
  it('lists by name, a page at a time', async () => {
    await using other = await LambdaWorld.start()
    for (const name of ['c', 'a', 'b']) await other.function({}, name)
    const list = async (input: object) => {
      const { Functions, NextMarker } = await other.client.send(new ListFunctionsCommand(input))
      return { names: Functions!.map(({ FunctionName }) => FunctionName), NextMarker }
    }
    expect(await list({})).toEqual({ names: ['a', 'b', 'c'], NextMarker: undefined })
    const { names, NextMarker } = await list({ MaxItems: 2 })
    expect(names).toEqual(['a', 'b'])
    expect((await list({ MaxItems: 2, Marker: NextMarker })).names).toEqual(['c'])
    await expect(list({ MaxItems: 0 })).rejects.toMatchObject({ name: 'ValidationException' })
  })
})

describe('operations that are not served', () => {
  it.each([
    [
      'CreateFunction',
      () =>
        new CreateFunctionCommand({
          FunctionName: 'f',
          Role: 'arn:aws:iam::123456789012:role/r',
          Code: { ZipFile: Buffer.from('zip') },
        }),
      /millrace function create/,
    ],
    [
      'UpdateFunctionCode',
      () => new UpdateFunctionCodeCommand({ FunctionName: 'f', ZipFile: Buffer.from('zip') }),
      /millrace function update/,
    ],
    ['DeleteFunction', () => new DeleteFunctionCommand({ FunctionName: 'f' }), /millrace function delete/],
  ])('%s is refused by its name, with what to do', async (name, command, reason) => {
    await expect(world.client.send(command() as CreateFunctionCommand)).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: expect.stringMatching(new RegExp(`^${name} is not served.*${reason.source}`)) as string,
    })
  })

  it('others are unknown', async () => {
    const asking = world.client.send(new GetFunctionUrlConfigCommand({ FunctionName: 'f' }))
    await expect(asking).rejects.toMatchObject({
      name: 'UnknownOperationException',
      $metadata: { httpStatusCode: 404 },
    })
  })
})

describe('tags', () => {
  it.each([
    ['a function', async () => functionArnOf(await world.function())],
    ['a mapping', async () => (await world.made()).EventSourceMappingArn!],
  ])('of %s are added, listed and removed', async (_, make) => {
    const Resource = await make()
    const list = async () => (await world.client.send(new ListTagsCommand({ Resource }))).Tags
    const tag = (Tags: Record<string, string>) =>
      world.client.send(new TagResourceCommand({ Resource, Tags }))
    expect((await tag({ a: '1', b: '2' })).$metadata.httpStatusCode).toBe(204)
    await tag({ b: '3', c: '' })
    expect(await list()).toEqual({ a: '1', b: '3', c: '' })
    await world.client.send(new UntagResourceCommand({ Resource, TagKeys: ['a', 'c', 'none'] }))
    expect(await list()).toEqual({ b: '3' })
    await expect(tag({ 'aws:x': '1' })).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
    const many = Object.fromEntries(Array.from({ length: 50 }, (_each, at) => [`k${at}`, 'v']))
    await expect(tag(many)).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
    expect(await list()).toEqual({ b: '3' })
  })

  it.each([
    functionArnOf('nothing'),
    `arn:aws:lambda:us-east-1:${ACCOUNT}:event-source-mapping:00000000-0000-4000-8000-000000000000`,
    'arn:aws:lambda:us-east-1:123456789012:function:f',
  ])('of %s there are none', async (Resource) => {
    for (const command of [
      new ListTagsCommand({ Resource }),
      new TagResourceCommand({ Resource, Tags: { a: '1' } }),
    ]) {
      await expect(world.client.send(command as ListTagsCommand)).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
      })
    }
  })
})
