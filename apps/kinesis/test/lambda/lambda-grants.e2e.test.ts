// Functions and mappings at an endpoint that verifies signatures: grants of the broker decide who maps, calls and sees which.
import {
  CreateEventSourceMappingCommand,
  GetFunctionCommand,
  InvokeCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda'
import { functionKinds } from 'millrace/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LambdaWorld, streamArnOf } from './support/lambda-world.ts'
import { FakeInvokePort } from './support/fake-invoke-port.ts'

let world: LambdaWorld
let port: FakeInvokePort
let ada: LambdaClient
let bob: LambdaClient
let caller: LambdaClient

beforeAll(async () => {
  world = await LambdaWorld.start({ auth: 'sigv4' })
  port = await FakeInvokePort.open(() => ({ status: 200, body: '"called"' }))
  await world.endpoint.native.documents(functionKinds.endpoints).put('copy', port.announcement())
  for (const stream of ['clicks', 'secret', 'failed']) await world.stream(stream)
  for (const name of ['enrich', 'audit']) await world.function({}, name)
  ada = await clientWith('ada', [
    'document:event-source-mappings/*:read,write',
    'document:functions/enrich:read',
    'stream:clicks:describe,read',
    'stream:secret:describe',
    'stream:failed:describe',
  ])
  bob = await clientWith('bob', ['document:functions/enrich:read', 'stream:clicks:describe,read'])
  caller = await clientWith('caller', [
    'document:functions/enrich:read',
    'document:function-endpoints/*:read',
  ])
})
afterAll(async () => {
  await port[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

async function clientWith(name: string, grants: readonly string[]): Promise<LambdaClient> {
  const { access } = world.endpoint.native
  await access.updatePrincipal(name, { add: [...grants] })
  const { id, secret } = await access.createAccessKey(name)
  return world.clientOf({ accessKeyId: id, secretAccessKey: secret })
}

const map = (client: LambdaClient, stream: string, more: object = {}) =>
  client.send(
    new CreateEventSourceMappingCommand({
      FunctionName: 'enrich',
      EventSourceArn: streamArnOf(stream),
      StartingPosition: 'TRIM_HORIZON',
      ...more,
    }),
  )
const invoke = (client: LambdaClient, FunctionName: string) =>
  client.send(new InvokeCommand({ FunctionName }))

describe('Lambda under signatures', () => {
  it('maps functions that the caller may read to streams that he may read', async () => {
    const failing = { DestinationConfig: { OnFailure: { Destination: streamArnOf('failed') } } }
    await expect(map(ada, 'clicks', failing)).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: expect.stringMatching(/not allowed to write/) as string,
    })
    const { UUID: uuid } = await map(ada, 'clicks')
    expect(await world.describe(uuid!, ada)).toMatchObject({ State: 'Creating' })
    await expect(map(ada, 'secret')).rejects.toMatchObject({
      message: expect.stringMatching(/^Cannot access stream/) as string,
    })
    await expect(map(ada, 'clicks', { FunctionName: 'audit' })).rejects.toMatchObject({
      message: 'Function does not exist',
    })
    await expect(world.describe(uuid!, bob)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    await expect(map(bob, 'clicks')).rejects.toMatchObject({
      name: 'AccessDeniedException',
      $metadata: { httpStatusCode: 403 },
    })
  })

  it('calls functions for whoever may read them and where they are called', async () => {
    const answer = await invoke(caller, 'enrich')
    expect(answer.Payload!.transformToString()).toBe('"called"')
    await expect(invoke(caller, 'audit')).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    await expect(invoke(bob, 'enrich')).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('lambda:InvokeFunction') as string,
    })
    expect(port.requests).toHaveLength(1)
  })

  it('asks for a valid signature', async () => {
    const stranger = world.clientOf({ accessKeyId: 'AKIANOBODY', secretAccessKey: 'secret' })
    await expect(stranger.send(new GetFunctionCommand({ FunctionName: 'enrich' }))).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
      $metadata: { httpStatusCode: 403 },
    })
  })
})
