// Where the client looks for the hosts: at the addresses that the controller names, or where it found the controller.
import { describe, expect, it } from 'vitest'
import type { ControlPlane } from '../../../client/connecting/control-plane.ts'
import { connect } from '../../../client/index.ts'
import { RoutingCache } from '../../../client/connecting/routing.ts'
import { deferred } from '../../../client/waiting.ts'
import type { ResponseOf } from '../../../protocol/operations.ts'
import { routingOf } from '../support/fake-admin.ts'
import { FakeBroker } from '../support/fake-broker.ts'

type Answer = ResponseOf<'describeRouting'>

/** The hosts that a put through `url` was sent to. */
async function hostsDialled(url: string, advertisedHost: string): Promise<string[]> {
  const broker = new FakeBroker({ hosts: 2, shards: 2 })
  broker.advertisedHost = advertisedHost
  const dialled: string[] = []
  await using client = await connect(url, {
    dial: (address, signal) => {
      if (address.host === 'down.example') return Promise.reject(new Error('connect ECONNREFUSED'))
      dialled.push(`${address.host}:${address.port}`)
      return broker.dial(address, signal)
    },
  })
  const records = ['a', 'b', 'c', 'd', 'e', 'f'].map((partitionKey) => ({ partitionKey, data: 'x' }))
  const results = await client.putMany('clicks', records)
  expect(results.every(({ ok }) => ok)).toBe(true)
  return dialled.slice(1).sort()
}

describe('the address of a host', () => {
  it('is the one that the controller names', async () => {
    expect(await hostsDialled('millrace://front.example:7400', '10.0.0.7')).toEqual([
      '10.0.0.7:7401',
      '10.0.0.7:7402',
    ])
  })

  it('is the one by which the controller was reached, if it names none', async () => {
    expect(await hostsDialled('millrace://front.example:7400', '')).toEqual([
      'front.example:7401',
      'front.example:7402',
    ])
  })

  it('is that of the address that answered, if the url has several', async () => {
    expect(await hostsDialled('millrace://down.example:7400,[::1]:7400', '')).toEqual([
      '::1:7401',
      '::1:7402',
    ])
  })
})

describe('the known routing of a stream', () => {
  it('never becomes older, in any order of two answers', async () => {
    const broker = new FakeBroker()
    const asked: ((answer: ResponseOf<'describeRouting'>) => void)[] = []
    const ask = async () => {
      const { promise, resolve } = deferred<ResponseOf<'describeRouting'>>()
      asked.push(resolve)
      return { response: await promise, from: { host: 'fake', port: 7400 } }
    }
    const routings = new RoutingCache({ ask } as unknown as ControlPlane)
    for (const change of [
      () => broker.split(0),
      () => (broker.catalog.put({ epoch: 1 }), broker.streamId++),
    ]) {
      const [first, second] = [routings.fresh('clicks'), routings.fresh('clicks')]
      const older = routingOf(broker)
      change()
      const newer = routingOf(broker)
      asked.pop()!(newer)
      await second
      asked.pop()!(older)
      for (const known of [await first, await routings.get('clicks')]) {
        expect(known).toMatchObject({ streamId: newer.streamId, epoch: newer.epoch })
      }
    }
  })
})

describe('a routing that cannot be', () => {
  const cases: Record<string, { says: string; change: (answer: Answer) => Partial<Answer> }> = {
    'names a host without its address': {
      says: 'address of host 2',
      change: ({ hosts }) => ({ hosts: hosts.slice(1) }),
    },
    'names a shard twice': { says: 'twice', change: ({ shards }) => ({ shards: [...shards, shards[0]!] }) },
    'leaves hash keys to nobody': {
      says: 'every hash key',
      change: ({ shards }) => ({ shards: shards.slice(1) }),
    },
    'names a parent that came later': {
      says: 'cannot be a parent',
      change: ({ shards }) => ({ shards: shards.map((shard) => ({ ...shard, parents: [9] })) }),
    },
  }

  it.each(Object.entries(cases))(
    '%s: refused with a typed error, and what is known stays',
    async (_what, { says, change }) => {
      const broker = new FakeBroker({ hosts: 2, shards: 2 })
      const right = routingOf(broker)
      const hosts = right.hosts.toReversed()
      const answers = [right, { ...right, epoch: 2, ...change({ ...right, hosts }) }]
      const ask = () => Promise.resolve({ response: answers.shift()!, from: { host: 'fake', port: 7400 } })
      const routings = new RoutingCache({ ask } as unknown as ControlPlane)
      await routings.get('clicks')
      await expect(routings.fresh('clicks')).rejects.toMatchObject({
        code: 'invalidAnswer',
        message: expect.stringContaining(says) as string,
      })
      expect((await routings.get('clicks')).epoch).toBe(1)
    },
  )
})
