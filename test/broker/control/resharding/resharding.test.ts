// Splits and merges that clients ask for: one at a time, in the right order of steps, and refused by name.
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import type { RequestOf } from '../../../../protocol/operations.ts'
import { from } from '../../../support/catalog-rows.ts'
import { held, opened, openShards, split } from '../support/changing.ts'
import { emptyExtent, FakeHosts } from '../support/fake-hosts.ts'
import { settled } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

const threeAtMost = {
  shardsMin: 1,
  shardsMax: 3,
  targetBytesPerSecond: undefined,
  targetRecordsPerSecond: undefined,
}

describe('splitShard', () => {
  test('writes the journal, seals, opens, publishes, and opens once more before it removes the journal', async () => {
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

  test('starts children above the records of their parent, and lists lineage and last sequence number', async () => {
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
  ])('without a hash key splits %s', async (_, point, upper) => {
    const balanceOf = (): { startingHashKey: string | null } => {
      if (point instanceof Error) throw point
      return { startingHashKey: point }
    }
    const { test: controller } = await opened({}, { balanceOf })
    await controller.ask('splitShard', split(0))
    expect(await openShards(controller)).toEqual(['1:0', upper])
  })

  test('without a hash key does not wait long for an answer of the host', async () => {
    const { test: controller } = await opened({}, { balanceOf: () => new Promise(() => {}) })
    const answer = controller.ask('splitShard', split(0))
    await controller.time.advance(1_000)
    expect(await answer).toMatchObject({ children: [1, 2] })
  })

  test('makes the children the open shards of their hosts', async () => {
    const { test: controller } = await opened()
    await controller.ask('splitShard', split(0))
    const { hosts, shardCount } = await controller.ask('describeBroker', {})
    expect([hosts[0]?.openShards, shardCount]).toEqual([2, 3])
  })

  test('splits a shard of an on-demand stream within its bounds, for example around a hot key', async () => {
    const { test: controller } = await opened({ mode: 'on-demand', shardCount: 1, scaling: threeAtMost })
    await controller.ask('splitShard', split(0, '4', '5'))
    expect(await openShards(controller)).toEqual(['1:0', '2:4', '3:5'])
    expect(await controller.outcome('splitShard', split(1))).toBe('limitExceeded')
  })

  test('counts and times the change', async () => {
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

describe('the seal of a change', () => {
  test('waits until every host of the change is ready, so that no sealed shard waits for a host', async () => {
    const hosts = new FakeHosts()
    const catalog = new MemoryCatalog()
    const controller = await TestController.open(catalog, { fakeHosts: hosts, hosts: 2 })
    await controller.ask('createStream', { name: 's', shardCount: 2 })
    // Goes down after the journal is written, before the first step.
    catalog.beforeCommit = async (changes) => {
      if (changes.some((one) => 'put' in one && one.put.family === 'reshard')) hosts.host(2).crash()
    }
    const merged = controller.ask('mergeShards', { name: 's', shardIndex: 0, adjacentShardIndex: 1 })
    await settled()
    catalog.beforeCommit = () => Promise.resolve()
    expect([...hosts.disk.values()].filter(({ closed }) => closed)).toEqual([])
    await controller.time.advance(5_000)
    expect(await merged).toMatchObject({ child: 2 })
  })

  test('is repeated where the host reports the shard as not closed, whose tail is not used', async () => {
    const { test: controller, hosts } = await opened()
    let asked = 0
    hosts.around = (call, _host, work) => {
      if (call !== 'sealShards' || ++asked > 1) return work()
      return { extents: [{ streamId: 1, shardIndex: 0, ...emptyExtent, closed: false }] }
    }
    const answer = controller.ask('splitShard', split(0))
    await settled()
    hosts.disk.get(1)!.tail = 7
    await controller.time.advance(1_000)
    await answer
    const { shards } = await controller.ask('listShards', { name: 's', limit: 10 })
    expect(shards.map(({ startingSequenceNumber }) => startingSequenceNumber)).toEqual([0, 7, 7])
  })
})

describe('mergeShards', () => {
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

describe('a change of shards is refused, and nothing is changed,', () => {
  test.each<[string, Partial<RequestOf<'createStream'>>, (test: TestController) => Promise<string>, string]>([
    [
      'of a stream that is not there',
      {},
      (test) => test.outcome('splitShard', { ...split(0), name: 'x' }),
      'streamNotFound',
    ],
    ['of a shard that is not there', {}, (test) => test.outcome('splitShard', split(3)), 'shardNotFound'],
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
    [
      'of an on-demand stream beyond its bounds by splitShard',
      { mode: 'on-demand', shardCount: 2, scaling: threeAtMost },
      (test) => test.outcome('splitShard', split(0, '2', '4')),
      'limitExceeded',
    ],
    ...(['mergeShards', 'updateShardCount'] as const).map(
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

  test('for a shard that its host does not serve, in a split or on the way to a number of shards', async () => {
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

  test('with the names of the children, for a shard that was split', async () => {
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

describe('changes of the shards of one stream', () => {
  test('take turns, and changes that wait too long are refused with nothing done', async () => {
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
    // The first change was done after all; the refused ones were not.
    expect(await openShards(controller)).toEqual(['1:0', '2:8'])
  })

  test('wait in a bounded queue', async () => {
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

  test('do not wait for changes of another stream', async () => {
    const { test: controller, hosts } = await opened()
    await controller.ask('createStream', { name: 'other', shardCount: 1 })
    const { release } = held(hosts, 'balanceOf')
    const first = controller.outcome('splitShard', split(0))
    expect(await first).toBe('open')
    expect(await controller.outcome('splitShard', { ...split(0, '8'), name: 'other' })).toBe('done')
    release()
  })
})

describe('the stop of the broker', () => {
  test('answers waiting changes as unavailable, and the running change as outcomeUnknown', async () => {
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
