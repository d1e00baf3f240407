// Deliveries with streams of their own, made and deleted on a broker in this process, and cut off at each step.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBroker, type Broker } from '#dist/broker/broker.js'
import { deleteOwnStream, makeWithOwnStream } from '../../../client/app-process/own-stream.ts'
import { connect, MillraceError, type Client } from '../../../client/index.ts'
import { deliveryKinds, type DeliveryDefinition } from '../../../protocol/apps/delivery-definition.ts'

let broker: Broker
let client: Client
beforeAll(async () => {
  broker = await createBroker({ listen: false })
  client = await connect(broker.url, { dial: broker.dial })
})
afterAll(async () => {
  await client.close()
  await broker.close()
})

const definitionOf = (name: string): DeliveryDefinition => ({
  createdAt: 1,
  updatedAt: 1,
  version: 1,
  state: 'active',
  source: { stream: `${name}.delivery`, from: 'TRIM_HORIZON', isOwn: true },
  destination: { type: 'directory', path: '/lake' },
  prefix: '',
  errorPrefix: '',
  timeZone: 'UTC',
  buffer: { bytes: 1024, intervalMs: 0 },
  delimiter: '',
  compression: 'none',
  format: { type: 'raw' },
  tags: {},
})

const make = (name: string, by = client) => makeWithOwnStream(by, name, definitionOf(name))
const kept = async (name: string) =>
  (await client.documents<DeliveryDefinition>(deliveryKinds.definitions).get(name))?.value
const idOf = async (name: string) => (await client.describeStream(`${name}.delivery`)).id
const isGone = (name: string) =>
  expect(client.describeStream(`${name}.delivery`)).rejects.toMatchObject({ code: 'streamNotFound' })

/** A client whose process ends before or behind the making of the stream. */
function dying(when: 'before' | 'behind'): Client {
  return new Proxy(client, {
    get(target, member) {
      if (member !== 'createStream') return Reflect.get(target, member).bind(target) as unknown
      return async (name: string) => {
        if (when === 'behind') await client.createStream(name)
        throw new MillraceError('outcomeUnknown', 'The process has ended.')
      }
    },
  })
}

describe('a delivery with its own stream', () => {
  it('is made with the stream’s id, and deleted with that stream', async () => {
    const outcome = await make('plain')
    const streamId = await idOf('plain')
    expect(outcome).toMatchObject({ made: { state: 'active', source: { streamId } } })
    expect(await kept('plain')).toEqual('made' in outcome && outcome.made)
    expect(await make('plain')).toEqual({ refused: 'exists' })
    await deleteOwnStream(client, 'plain', (await kept('plain'))!)
    await isGone('plain')
  })

  it('takes no stream that was there before, and leaves nothing', async () => {
    const { id } = await client.createStream('taken.delivery')
    expect(await make('taken')).toEqual({ refused: 'streamExists' })
    expect(await kept('taken')).toBeUndefined()
    expect(await idOf('taken')).toBe(id)
  })

  it('deletes no other stream that has the name by now, and none of which it has no id', async () => {
    await make('again')
    const definition = (await kept('again'))!
    await client.deleteStream('again.delivery')
    const { id } = await client.createStream('again.delivery')
    await deleteOwnStream(client, 'again', definition)
    const { streamId: _, ...source } = definition.source
    await deleteOwnStream(client, 'again', { ...definition, source })
    expect(await idOf('again')).toBe(id)
  })

  it.each(['before', 'behind'] as const)(
    'goes on with a making that was cut off %s the making of its stream',
    async (when) => {
      await expect(make(when, dying(when))).rejects.toMatchObject({ code: 'outcomeUnknown' })
      expect(await kept(when)).toMatchObject({ state: 'making' })
      expect(await make(when)).toMatchObject({ made: { source: { streamId: await idOf(when) } } })
      expect(await kept(when)).toMatchObject({ state: 'active', source: { streamId: await idOf(when) } })
    },
  )

  it('takes its stream back where it is deleted while it is made', async () => {
    const deleting = new Proxy(client, {
      get(target, member) {
        if (member !== 'createStream') return Reflect.get(target, member).bind(target) as unknown
        return async (name: string) => {
          await client.documents(deliveryKinds.definitions).delete('brief')
          return client.createStream(name)
        }
      },
    })
    expect(await make('brief', deleting)).toEqual({ refused: 'exists' })
    await isGone('brief')
    expect(await kept('brief')).toBeUndefined()
  })

  it('is made once by two that begin at the same time', async () => {
    const outcomes = await Promise.all([make('race'), make('race')])
    expect(outcomes.filter((outcome) => 'made' in outcome)).toHaveLength(1)
    expect(outcomes).toContainEqual({ refused: 'exists' })
    expect(await kept('race')).toMatchObject({ state: 'active', source: { streamId: await idOf('race') } })
  })
})
