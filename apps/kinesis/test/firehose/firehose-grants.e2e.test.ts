// Deliveries at an endpoint that verifies signatures: grants of the broker decide who makes, changes and fills which.
import {
  CreateDeliveryStreamCommand,
  DeleteDeliveryStreamCommand,
  DescribeDeliveryStreamCommand,
  PutRecordCommand,
  TagDeliveryStreamCommand,
  type FirehoseClient,
} from '@aws-sdk/client-firehose'
import { deliveryKinds } from 'millrace/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCOUNT, FirehoseWorld, ROLE, toLake } from './support/firehose-world.ts'

let world: FirehoseWorld
let ada: FirehoseClient
let bob: FirehoseClient
let writer: FirehoseClient

beforeAll(async () => {
  world = await FirehoseWorld.start({ auth: 'sigv4' })
  ada = await clientWith('ada', [
    'document:deliveries/app*:read,write,manage',
    'stream:app*:describe,write,manage',
    'stream:clicks:describe,read',
    'stream:seen:describe,read',
    'stream:secret:describe',
  ])
  bob = await clientWith('bob', ['document:deliveries/other*:read,write,manage'])
  writer = await clientWith('writer', ['stream:app*:describe,write'])
})
afterAll(async () => await world[Symbol.asyncDispose]())

async function clientWith(name: string, grants: readonly string[]): Promise<FirehoseClient> {
  const { access } = world.endpoint.native
  await access.updatePrincipal(name, { add: [...grants] })
  const { id, secret } = await access.createAccessKey(name)
  return world.clientOf({ accessKeyId: id, secretAccessKey: secret })
}

const put = (client: FirehoseClient, name: string) =>
  client.send(new PutRecordCommand({ DeliveryStreamName: name, Record: { Data: Buffer.from('x') } }))
const fromStream = (name: string, stream: string) =>
  new CreateDeliveryStreamCommand({
    ...toLake(name),
    DeliveryStreamType: 'KinesisStreamAsSource',
    KinesisStreamSourceConfiguration: {
      KinesisStreamARN: `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/${stream}`,
      RoleARN: ROLE,
    },
  })

describe('deliveries under signatures', () => {
  it('are made, filled, described, tagged and deleted by who has the grants', async () => {
    const DeliveryStreamName = 'app-1'
    await ada.send(new CreateDeliveryStreamCommand(toLake(DeliveryStreamName)))
    await put(ada, DeliveryStreamName)
    await ada.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName }))
    await ada.send(new TagDeliveryStreamCommand({ DeliveryStreamName, Tags: [{ Key: 'a', Value: 'b' }] }))
    await ada.send(new DeleteDeliveryStreamCommand({ DeliveryStreamName }))
  })

  it('are filled by who may write to the stream behind, and changed by nobody without the grant', async () => {
    const DeliveryStreamName = 'app-2'
    await ada.send(new CreateDeliveryStreamCommand(toLake(DeliveryStreamName)))
    await put(writer, DeliveryStreamName)
    await expect(put(bob, DeliveryStreamName)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    for (const client of [writer, bob]) {
      const describing = client.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName }))
      await expect(describing).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
      const deleting = client.send(new DeleteDeliveryStreamCommand({ DeliveryStreamName }))
      await expect(deleting).rejects.toMatchObject({
        name: expect.stringMatching(/AccessDenied|ResourceNotFound/) as string,
      })
      const making = client.send(new CreateDeliveryStreamCommand(toLake('app-3')))
      await expect(making).rejects.toMatchObject({ name: 'AccessDeniedException' })
    }
    expect(await world.definition('app-2')).toMatchObject({ state: 'active' })
    expect(await world.definition('app-3')).toBeUndefined()
  })

  it('read only streams that who makes them may read', async () => {
    for (const stream of ['clicks', 'secret']) await world.endpoint.native.createStream(stream)
    await ada.send(fromStream('app-4', 'clicks'))
    await expect(ada.send(fromStream('app-5', 'secret'))).rejects.toMatchObject({
      name: 'AccessDeniedException',
    })
    expect(await world.definition('app-5')).toBeUndefined()
  })

  it('do not exist for who may not see them, also where they take no puts', async () => {
    await world.endpoint.native.createStream('seen')
    await ada.send(fromStream('app-6', 'seen'))
    await expect(put(ada, 'app-6')).rejects.toMatchObject({ name: 'InvalidSourceException' })
    await expect(put(bob, 'app-6')).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })

  it('take no stream with them that is not the one behind', async () => {
    await world.endpoint.native.createStream('precious')
    const other = {
      version: 1,
      state: 'active',
      source: { stream: 'precious', from: 'TRIM_HORIZON', isOwn: true },
      tags: {},
    }
    await world.endpoint.native.documents(deliveryKinds.definitions).put('other-1', other)
    await bob.send(new DeleteDeliveryStreamCommand({ DeliveryStreamName: 'other-1' }))
    expect(await world.definition('other-1')).toMatchObject({ state: 'deleting' })
    expect((await world.endpoint.native.describeStream('precious')).name).toBe('precious')
  })

  it('ask for a valid signature', async () => {
    const stranger = world.clientOf({ accessKeyId: 'AKIANOBODY', secretAccessKey: 'secret' })
    await expect(put(stranger, 'app-2')).rejects.toMatchObject({ name: 'UnrecognizedClientException' })
  })
})
