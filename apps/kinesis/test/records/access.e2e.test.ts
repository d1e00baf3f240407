// Callers of different rights: the broker's grants decide, and what one may not see does not exist for him.
import type { Action, Client } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCOUNT, bytesOf, World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await World.open({ access: 'required' })
  await world.stream('clicks')
  await world.do('PutRecord', record)
})
afterAll(() => world[Symbol.asyncDispose]())

const record = { StreamName: 'clicks', PartitionKey: 'a', Data: bytesOf('x') }
const many = { StreamName: 'clicks', Records: [{ PartitionKey: 'a', Data: bytesOf('x') }] }

/** A client of a new principal with these rights to the stream. */
async function clientOf(name: string, actions: readonly Action[]): Promise<Client> {
  const grants = actions.length === 0 ? [] : [{ pattern: 'clicks', actions }]
  await world.client.access.updatePrincipal(name, { add: grants })
  const { token } = await world.client.access.createToken(name)
  return world.connect({ token })
}

const outcomes = async (client: Client) => {
  const iterator = await world.iterator('clicks', 0)
  const trim = { StreamName: 'clicks', ShardId: '0', ShardIteratorType: 'LATEST' } as const
  return [
    await world.refusal('PutRecord', record, { client, principal: 'someone' }),
    await world.refusal('PutRecords', many, { client, principal: 'someone' }),
    await world.refusal('GetShardIterator', trim, { client, principal: 'someone' }),
    await world.refusal('GetRecords', { ShardIterator: iterator }, { client, principal: 'someone' }),
  ]
}

const OK = 'it was not refused'
const denied = (operation: string) =>
  `AccessDeniedException: User: arn:aws:iam::${ACCOUNT}:user/someone is not authorized to perform: kinesis:${operation} ` +
  `on resource: arn:aws:kinesis:eu-west-1:${ACCOUNT}:stream/clicks because no identity-based policy allows the ` +
  `kinesis:${operation} action`

describe('callers', () => {
  it('who may read do not write, and the other way round', async () => {
    await using reader = await clientOf('reader', ['describe', 'read'])
    expect(await outcomes(reader)).toEqual([denied('PutRecord'), denied('PutRecords'), OK, OK])
    await using writer = await clientOf('writer', ['describe', 'write'])
    expect(await outcomes(writer)).toEqual([OK, OK, denied('GetShardIterator'), denied('GetRecords')])
  })

  it('who may not see the stream are told that it is not there', async () => {
    await using stranger = await clientOf('stranger', [])
    const gone = `ResourceNotFoundException: Stream clicks under account ${ACCOUNT} not found.`
    const noShard = `ResourceNotFoundException: Shard shardId-000000000000 in stream clicks under account ${ACCOUNT} does not exist`
    expect(await outcomes(stranger)).toEqual([gone, gone, noShard, noShard])
  })

  it('who lose their rights lose them with the next request', async () => {
    await using client = await clientOf('fickle', ['describe', 'read', 'write'])
    expect(await outcomes(client)).toEqual([OK, OK, OK, OK])
    await world.client.access.updatePrincipal('fickle', {
      remove: [{ pattern: 'clicks', actions: ['read', 'write'] }],
    })
    expect(await outcomes(client)).toEqual(
      ['PutRecord', 'PutRecords', 'GetShardIterator', 'GetRecords'].map(denied),
    )
  })
})
