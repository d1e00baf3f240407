// Splits, merges and counts of shards as clients ask for them: in turn, in the right order of steps, and refused by name.
import { describe, expect, test } from 'vitest'
import type { HostCalls } from '../../../broker/host-contract.ts'
import type { CallHandlers } from '../../../broker/threads/calls.ts'
import { hashKeyFromHex, hashKeyToBytes } from '../../../protocol/hash-key.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { RequestOf } from '../../../protocol/operations.ts'
import { from } from '../../support/catalog-rows.ts'
import { FakeHosts } from '../support/fake-hosts.ts'
import { settled } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

interface Opened {
  readonly test: TestController
  readonly hosts: FakeHosts
  readonly catalog: MemoryCatalog
}

async function opened(
  stream: Partial<RequestOf<'createStream'>> = {},
  behaviour: Partial<CallHandlers<HostCalls>> = {},
): Promise<Opened> {
  const hosts = new FakeHosts()
  hosts.behaviour = () => behaviour
  const catalog = new MemoryCatalog()
  const controller = await TestController.open(catalog, { fakeHosts: hosts })
  await controller.ask('createStream', { name: 's', shardCount: 1, ...stream })
  return { test: controller, hosts, catalog }
}

const key = (digits: string): Uint8Array => hashKeyToBytes(hashKeyFromHex(from(digits)))
const split = (shardIndex: number, ...keys: string[]) => ({
  name: 's',
  shardIndex,
  newStartingHashKeys: keys.map(key),
})

/** Open shards by index, with the digit that their ranges begin with. */
async function openShards(controller: TestController): Promise<string[]> {
  const { shards } = await controller.ask('describeRouting', { name: 's' })
  return shards
    .filter(({ state }) => state === 'OPEN')
    .map(({ index, startingHashKey }) => `${index}:${Buffer.from(startingHashKey).toString('hex')[0]}`)
}

/** Holds a call of the hosts back until it is let go. */
function held(hosts: FakeHosts, held: keyof HostCalls): { release: () => void } {
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  hosts.around = (call, _host, work) => (call === held ? released.then(work) : work())
  return { release }
}

describe('a split', () => {
  test('is journaled, sealed, opened, published, and opened once more before the journal goes', async () => {
    const { test: controller, hosts, catalog } = await opened()
    const steps: string[] = []
    catalog.beforeCommit = (changes) => {
      steps.push(changes.map((one) => ('put' in one ? one.put.family : `-${one.remove.family}`)).join(' '))
      return Promise.resolve()
    }
    hosts.around = (call, _host, work) => {
      if (call === 'sealShards' || call === 'openShards') steps.push(call)
      return work()
    }
    const answer = await controller.ask('splitShard', split(0, '4'))
    expect(answer).toEqual({ children: [1, 2], epoch: 2 })
    expect(steps).toEqual([
      'broker stream reshard',
      'sealShards',
      'openShards',
      'stream shard shard shard reshard',
      'openShards',
      'sealShards',
      '-reshard',
    ])
    expect(await openShards(controller)).toEqual(['1:0', '2:4'])
  })

  test('starts children above what their parent stored, and tells lineage and last number', async () => {
    const { test: controller, hosts } = await opened()
    hosts.disk.get(1)!.tail = 41
    await controller.ask('splitShard', split(0, '4', '5'))
    const { shards } = await controller.ask('listShards', { name: 's', limit: 10 })
    expect(
      shards.map(({ index, parents, state, startingSequenceNumber, endingSequenceNumber }) => ({
        index,
        parents,
        state,
        startingSequenceNumber,
        endingSequenceNumber,
      })),
    ).toEqual([
      { index: 0, parents: [], state: 'CLOSED', startingSequenceNumber: 0, endingSequenceNumber: 40 },
      ...[1, 2, 3].map((index) => ({
        index,
        parents: [0],
        state: 'OPEN',
        startingSequenceNumber: 41,
        endingSequenceNumber: undefined,
      })),
    ])
    expect([...hosts.disk].filter(([, { closed }]) => closed).map(([slot]) => slot)).toEqual([1])
  })

  test.each<[string, string | null | Error, string]>([
    ['where the load of the shard is in balance', from('3'), '2:3'],
    ['in the middle where its load is not known', null, '2:8'],
    ['in the middle where the point is of no use', from('0'), '2:8'],
    ['in the middle where the host cannot say', new MillraceError('unavailable', 'not now'), '2:8'],
  ])('without a hash key is made %s', async (_, point, upper) => {
    const balanceOf = (): { startingHashKey: string | null } => {
      if (point instanceof Error) throw point
      return { startingHashKey: point }
    }
    const { test: controller } = await opened({}, { balanceOf })
    await controller.ask('splitShard', split(0))
    expect(await openShards(controller)).toEqual(['1:0', upper])
  })

  test('without a hash key does not wait long for the host', async () => {
    const { test: controller } = await opened({}, { balanceOf: () => new Promise(() => {}) })
    const answer = controller.ask('splitShard', split(0))
    await controller.time.advance(1_000)
    expect(await answer).toMatchObject({ children: [1, 2] })
  })

  test('is counted and timed', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const answer = controller.ask('splitShard', split(0))
    await controller.time.advance(300)
    release()
    await answer
    const metrics = await controller.controller.scrape()
    expect(metrics).toMatch(/^millrace_reshards_total\{[^}]*cause="split"[^}]*\} 1$/m)
    expect(metrics).toMatch(/^millrace_reshard_seconds_sum\S* 0\.3$/m)
  })
})

describe('a merge', () => {
  test('makes one shard of two neighbours, above the higher of their tails', async () => {
    const { test: controller, hosts } = await opened({ shardCount: 3 })
    hosts.disk.get(2)!.tail = 7
    hosts.disk.get(3)!.tail = 30
    const answer = await controller.ask('mergeShards', { name: 's', shardIndex: 2, adjacentShardIndex: 1 })
    expect(answer).toEqual({ child: 3, epoch: 2 })
    const { shards } = await controller.ask('listShards', { name: 's', limit: 10 })
    expect(shards.at(-1)).toMatchObject({ index: 3, parents: [2, 1], startingSequenceNumber: 30 })
    expect(await openShards(controller)).toEqual(['0:0', '3:5'])
  })
})

describe('a change is refused, and nothing was done,', () => {
  test.each<[string, Partial<RequestOf<'createStream'>>, (test: TestController) => Promise<string>, string]>([
    [
      'of a stream that is not there',
      {},
      (test) => test.outcome('splitShard', { ...split(0), name: 'x' }),
      'streamNotFound',
    ],
    ['of a shard that is not there', {}, (test) => test.outcome('splitShard', split(3)), 'invalidArgument'],
    [
      'outside the range of the shard',
      { shardCount: 2 },
      (test) => test.outcome('splitShard', split(0, '9')),
      'invalidArgument',
    ],
    [
      'of shards that do not touch',
      { shardCount: 3 },
      (test) => test.outcome('mergeShards', { name: 's', shardIndex: 0, adjacentShardIndex: 2 }),
      'invalidArgument',
    ],
    [
      'to no shard',
      {},
      (test) => test.outcome('updateShardCount', { name: 's', shardCount: 0 }),
      'invalidArgument',
    ],
    [
      'to more shards than a stream may have',
      {},
      (test) => test.outcome('updateShardCount', { name: 's', shardCount: 4097 }),
      'limitExceeded',
    ],
    ...(['splitShard', 'mergeShards', 'updateShardCount'] as const).map(
      (operation): [string, object, (test: TestController) => Promise<string>, string] => [
        `of an on-demand stream by ${operation}`,
        { mode: 'on-demand', shardCount: 2 },
        (test) => test.outcome(operation, { ...split(0), adjacentShardIndex: 1, shardCount: 3 }),
        'invalidArgument',
      ],
    ),
  ])('%s', async (_, stream, ask, code) => {
    const { test: controller, catalog } = await opened(stream)
    const commits = catalog.commits.length
    expect(await ask(controller)).toBe(code)
    expect(catalog.commits).toHaveLength(commits)
    expect(controller.hosts.host(1).calls.filter((call) => call.startsWith('seal'))).toEqual([])
  })

  test('while the host is down', async () => {
    const { test: controller, hosts, catalog } = await opened()
    hosts.host(1).crash()
    await settled()
    const commits = catalog.commits.length
    await expect(controller.ask('splitShard', split(0, '4'))).rejects.toThrow('Host 1 is down')
    expect(catalog.commits).toHaveLength(commits)
  })

  test('of a shard that its host does not serve, alone or on the way to a count', async () => {
    const unservedShards = () => ({ shardIndexes: [1] })
    const { test: controller, catalog } = await opened({ shardCount: 2 }, { unservedShards })
    const commits = catalog.commits.length
    expect(await controller.outcome('splitShard', split(1))).toBe('invalidArgument')
    expect(catalog.commits).toHaveLength(commits)
    await expect(controller.ask('updateShardCount', { name: 's', shardCount: 4 })).rejects.toThrow(
      'shardId-000000000001 is not served by host 1, whose log says why',
    )
    const { stream } = await controller.ask('describeStream', { name: 's' })
    expect(stream).toMatchObject({ status: 'ACTIVE', targetShardCount: undefined, openShardCount: 2 })
  })

  test('with the children of a shard that was split named', async () => {
    const { test: controller } = await opened()
    await controller.ask('splitShard', split(0))
    await expect(controller.ask('splitShard', split(0))).rejects.toThrow(
      'shardId-000000000000 of stream s is closed: it became shardId-000000000001 and shardId-000000000002',
    )
  })

  test('when its turn comes and there is nothing left to change', async () => {
    const { test: controller } = await opened()
    const outcomes = [
      controller.ask('splitShard', split(0)),
      controller.ask('splitShard', split(0)),
      controller.ask('splitShard', split(1)),
    ].map((answer) =>
      answer.then(
        ({ children }) => children.join(),
        (error: MillraceError) => error.code,
      ),
    )
    expect(await Promise.all(outcomes)).toEqual(['1,2', 'invalidArgument', '3,4'])
  })
})

describe('changes of one stream', () => {
  test('take turns, and those that wait too long are told that nothing was done', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const first = controller.ask('splitShard', split(0))
    const second = controller.outcome('splitShard', split(1))
    expect(await second).toBe('open')
    let late = ''
    controller.ask('splitShard', split(2)).catch((error: MillraceError) => (late = error.code))
    let answer = ''
    first.catch((error: MillraceError) => (answer = error.code))
    await controller.time.advance(20_000)
    expect([answer, late]).toEqual(['outcomeUnknown', 'streamBusy'])
    release()
    await settled()
    // The first was done after all; those that were told that nothing was done were not.
    expect(await openShards(controller)).toEqual(['1:0', '2:8'])
  })

  test('wait in a bounded number', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const outcomes = Array.from({ length: 66 }, () =>
      controller.ask('splitShard', split(0)).then(
        () => 'done',
        (error: MillraceError) => `${error.code} ${error.retryAfterMs}`,
      ),
    )
    expect(await outcomes[65]).toBe('streamBusy 500')
    release()
    expect(new Set(await Promise.all(outcomes.slice(1, 65)))).toEqual(new Set(['invalidArgument undefined']))
    expect(await outcomes[0]).toBe('done')
  })

  test('do not wait for those of another one', async () => {
    const { test: controller, hosts } = await opened()
    await controller.ask('createStream', { name: 'other', shardCount: 1 })
    const { release } = held(hosts, 'balanceOf')
    const first = controller.outcome('splitShard', split(0))
    expect(await first).toBe('open')
    expect(await controller.outcome('splitShard', { ...split(0, '8'), name: 'other' })).toBe('done')
    release()
  })
})

describe('routing', () => {
  test('is not answered between the sealing of a shard and its children', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const answer = controller.ask('splitShard', split(0))
    await settled()
    const routed = openShards(controller)
    expect(await controller.outcome('describeRouting', { name: 's' })).toBe('open')
    release()
    expect(await routed).toEqual(['1:0', '2:8'])
    await answer
  })

  test('is answered as it is where that takes too long', async () => {
    const { test: controller, hosts } = await opened()
    held(hosts, 'sealShards')
    void controller.ask('splitShard', split(0)).catch(() => {})
    await settled()
    const routed = openShards(controller)
    await controller.time.advance(2_000)
    expect(await routed).toEqual(['0:0'])
  })

  test('names the children before their hosts were told twice', async () => {
    const { test: controller, hosts } = await opened()
    let opens = 0
    hosts.around = (call, _host, work) => {
      if (call === 'openShards' && ++opens === 2) return new Promise(() => {})
      return work()
    }
    void controller.ask('splitShard', split(0)).catch(() => {})
    await settled()
    expect(await openShards(controller)).toEqual(['1:0', '2:8'])
    expect(hosts.host(1).slots).toEqual(new Set([1, 2, 3]))
  })
})

test('settings that change while children are opened reach them', async () => {
  const settings: number[] = []
  const { test: controller, hosts } = await opened(
    {},
    {
      openShards: ({ shards }) => {
        settings.push(...shards.map((shard) => shard.settings.retentionMs))
        return null
      },
    },
  )
  settings.length = 0
  let updated: Promise<unknown> | undefined
  let opens = 0
  hosts.around = async (call, _host, work) => {
    // While the children are opened the second time, as the change is finished.
    if (call === 'openShards' && ++opens === 2) {
      updated = controller.ask('updateStream', { name: 's', retentionMs: 7_200_000 })
      await settled()
    }
    return work()
  }
  await controller.ask('splitShard', split(0))
  await updated
  expect(settings.slice(-2)).toEqual([7_200_000, 7_200_000])
})

describe('a stream that is deleted while its shards are changed', () => {
  test('goes, with its journal and with what the change had opened', async () => {
    const { test: controller, hosts, catalog } = await opened()
    const { release } = held(hosts, 'openShards')
    const answer = controller.ask('splitShard', split(0))
    await settled()
    const deleted = controller.ask('deleteStream', { name: 's' })
    await settled()
    // The step under way is waited for: shards that it opens must be dropped.
    expect(hosts.host(1).calls).not.toContain('dropStream 1')
    release()
    await deleted
    await expect(answer).rejects.toMatchObject({ code: 'streamBusy' })
    expect(hosts.host(1).slots.size).toBe(0)
    expect(
      catalog
        .open()
        .load()
        .map(({ family }) => family),
    ).toEqual(['broker'])
    // Its slots and its id are not given again.
    const { stream } = await controller.ask('createStream', { name: 's', shardCount: 1 })
    expect([stream.id, [...hosts.host(1).slots]]).toEqual([2, [4]])
  })

  test('goes though the change waits for a host that refuses', async () => {
    const { test: controller } = await opened(
      {},
      {
        sealShards: () => {
          throw new MillraceError('unavailable', 'a damaged shard')
        },
      },
    )
    const split0 = controller.outcome('splitShard', split(0))
    await settled()
    const deleted = controller.ask('deleteStream', { name: 's' })
    await controller.time.advance(200)
    await deleted
    expect(await split0).toBe('open')
  })

  test('goes after a restart in the middle', async () => {
    const { test: controller, hosts, catalog } = await opened()
    held(hosts, 'sealShards')
    void controller.ask('splitShard', split(0)).catch(() => {})
    await settled()
    void controller.ask('deleteStream', { name: 's' }).catch(() => {})
    await settled()
    controller.controller.kill()
    hosts.around = (_call, _host, work) => work()
    await TestController.open(catalog, { fakeHosts: hosts })
    expect(
      catalog
        .open()
        .load()
        .map(({ family }) => family),
    ).toEqual(['broker'])
  })
})

describe('a count of shards', () => {
  const count = (shardCount: number) => ({ name: 's', shardCount })

  test('is reached, evenly, from whatever there was', async () => {
    const { test: controller } = await opened()
    await controller.ask('splitShard', split(0, '1'))
    const { stream } = await controller.ask('updateShardCount', count(4))
    expect(stream).toMatchObject({ openShardCount: 4, targetShardCount: undefined, status: 'ACTIVE' })
    const open = await openShards(controller)
    expect(new Set(open.map((shard) => shard.split(':')[1]))).toEqual(new Set(['0', '4', '8', 'c']))
    expect(open).toHaveLength(4)
    const down = await controller.ask('updateShardCount', count(1))
    expect(down.stream).toMatchObject({ openShardCount: 1, targetShardCount: undefined })
  })

  test('that there is already is no change', async () => {
    const { test: controller, catalog } = await opened({ shardCount: 3 })
    const commits = catalog.commits.length
    await controller.ask('updateShardCount', count(3))
    expect(catalog.commits).toHaveLength(commits)
  })

  test('that takes longer is answered with its goal, goes on, and keeps other changes away', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const answer = controller.ask('updateShardCount', count(4))
    await settled()
    expect(await controller.outcome('splitShard', split(0))).toBe('streamBusy')
    await controller.time.advance(5_000)
    expect((await answer).stream).toMatchObject({ targetShardCount: 4, status: 'UPDATING' })
    const asked = controller.ask('updateShardCount', count(4))
    release()
    expect((await asked).stream).toMatchObject({ openShardCount: 4, targetShardCount: undefined })
    expect(await controller.outcome('splitShard', split(3))).toBe('done')
  })

  test('replaces another one on the way', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const first = controller.ask('updateShardCount', count(64))
    await settled()
    const second = controller.ask('updateShardCount', count(3))
    await settled()
    release()
    expect((await second).stream.openShardCount).toBe(3)
    expect((await first).stream.openShardCount).toBe(3)
  })

  test('waits for its turn behind a split, and if that takes too long nothing was done', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    void controller.ask('splitShard', split(0)).catch(() => {})
    await settled()
    let code = ''
    controller.ask('updateShardCount', count(8)).catch((error: MillraceError) => (code = error.code))
    await controller.time.advance(5_000)
    expect(code).toBe('streamBusy')
    release()
    await settled()
    expect(await openShards(controller)).toEqual(['1:0', '2:8'])
  })

  test('is gone on with after a restart', async () => {
    const { test: controller, hosts, catalog } = await opened()
    let seals = 0
    hosts.around = (call, _host, work) => {
      if (call === 'sealShards' && ++seals > 3) return new Promise(() => {})
      return work()
    }
    void controller.ask('updateShardCount', count(8)).catch(() => {})
    await settled()
    controller.controller.kill()
    hosts.around = (_call, _host, work) => work()
    const next = await TestController.open(catalog, { fakeHosts: hosts })
    await next.time.advance(1_000)
    const { stream } = await next.ask('describeStream', { name: 's' })
    expect(stream).toMatchObject({ openShardCount: 8, targetShardCount: undefined, status: 'ACTIVE' })
  })

  test('waits for a host that is down before it seals anything', async () => {
    const hosts = new FakeHosts()
    const controller = await TestController.open(new MemoryCatalog(), { hosts: 2, fakeHosts: hosts })
    await controller.ask('createStream', { name: 's', shardCount: 2 })
    hosts.host(2).crash()
    await settled()
    const answer = controller.ask('updateShardCount', count(4))
    await settled()
    expect(hosts.host(1).calls.filter((call) => call.startsWith('seal'))).toEqual([])
    await controller.time.advance(2_000)
    expect((await answer).stream.openShardCount).toBe(4)
  })

  test('is given up when the stream becomes on-demand', async () => {
    const { test: controller, hosts } = await opened()
    const { release } = held(hosts, 'sealShards')
    const answer = controller.ask('updateShardCount', count(64))
    await settled()
    await controller.ask('updateStream', { name: 's', mode: 'on-demand' })
    release()
    expect((await answer).stream).toMatchObject({ openShardCount: 2, targetShardCount: undefined })
  })
})

describe('a broker that stops', () => {
  test('tells those that wait that nothing was done, and the one at work that it may be', async () => {
    const { test: controller, hosts } = await opened()
    held(hosts, 'sealShards')
    const outcomes = [0, 1, 2].map((shardIndex) =>
      controller.ask('splitShard', split(shardIndex)).catch((error: MillraceError) => error.code),
    )
    await settled()
    await controller.controller.drain(1_000)
    expect(await Promise.all(outcomes)).toEqual(['outcomeUnknown', 'unavailable', 'unavailable'])
  })
})
