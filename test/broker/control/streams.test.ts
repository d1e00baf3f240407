// Creation and deletion of streams, with a crash or a failure at every step.
import { describe, expect, it } from 'vitest'
import { limits } from '../../../protocol/limits.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { FakeHosts } from './support/fake-hosts.ts'
import { settled } from './support/fake-time.ts'
import { MemoryCatalog } from './support/memory-catalog.ts'
import { TestController } from './support/test-controller.ts'

const HOUR_MS = 3_600_000
const clicks = { name: 'clicks', shardCount: 2 }
const statusOf = async (test: TestController, name = 'clicks'): Promise<string> => {
  const { streams } = await test.ask('listStreams', { limit: 1000 })
  return streams.find((stream) => stream.name === name)?.status ?? 'gone'
}

describe('createStream', () => {
  it('commits a stream before a host hears of it, opens it before it is active, answers when it is active', async () => {
    const catalog = new MemoryCatalog()
    const hosts = new FakeHosts()
    const steps: string[] = []
    catalog.beforeCommit = (changes) => {
      const change = changes.find((one) => 'put' in one && one.put.family === 'stream')
      if (change !== undefined && 'put' in change && change.put.family === 'stream') {
        steps.push(`commit ${change.put.value.status}`)
      }
      return Promise.resolve()
    }
    hosts.behaviour = () => ({
      openShards: ({ shards }) => {
        steps.push(`open ${shards.length} shards`)
        return null
      },
    })
    const test = await TestController.open(catalog, { fakeHosts: hosts })
    const { stream } = await test.ask('createStream', clicks)
    expect(steps).toEqual(['commit CREATING', 'open 2 shards', 'commit ACTIVE'])
    expect(stream).toMatchObject({ name: 'clicks', id: 1, status: 'ACTIVE', openShardCount: 2 })
  })

  it('never assigns a stream id or a slot twice, not even after a deletion', async () => {
    const catalog = new MemoryCatalog()
    const test = await TestController.open(catalog)
    await test.ask('createStream', clicks)
    const first = [...test.hosts.host(1).slots]
    await test.ask('deleteStream', clicks)
    expect(test.hosts.host(1).slots.size).toBe(0)
    const again = await TestController.open(catalog)
    const { stream } = await again.ask('createStream', clicks)
    expect(stream.id).toBe(2)
    expect(first).toEqual([1, 2])
    expect([...again.hosts.host(1).slots]).toEqual([3, 4])
  })

  it('spreads shards over owners, and sends each host only its own', async () => {
    const test = await TestController.open(new MemoryCatalog(), { hosts: 2, owners: 4 })
    await test.ask('createStream', { name: 'wide', shardCount: 6 })
    expect(test.hosts.host(1).calls).toEqual(['start 0 shards', 'openShards 3'])
    expect(test.hosts.host(2).calls).toEqual(['start 0 shards', 'openShards 3'])
  })

  it.each([
    ['a name with a blank', { name: 'a b', shardCount: 1 }, 'invalidArgument'],
    ['no shard', { name: 'a', shardCount: 0 }, 'invalidArgument'],
    ['too short a retention', { name: 'a', shardCount: 1, retentionMs: HOUR_MS - 1 }, 'invalidArgument'],
    [
      'too long a retention',
      { name: 'a', shardCount: 1, retentionMs: 366 * 24 * HOUR_MS },
      'invalidArgument',
    ],
    ['too many shards', { name: 'a', shardCount: limits.shardsPerStreamMax + 1 }, 'limitExceeded'],
  ])('refuses %s and stores nothing', async (_, request, code) => {
    const catalog = new MemoryCatalog()
    const test = await TestController.open(catalog)
    expect(await test.outcome('createStream', request)).toBe(code)
    expect(catalog.commits).toHaveLength(1)
  })

  it('refuses a name that is taken, and creates one of two at the same time', async () => {
    const test = await TestController.open(new MemoryCatalog())
    const outcomes = await Promise.all([
      test.outcome('createStream', clicks),
      test.outcome('createStream', clicks),
    ])
    expect(outcomes).toEqual(['done', 'streamExists'])
  })

  it('refuses while a host that it needs is down, and changes nothing', async () => {
    const catalog = new MemoryCatalog()
    const test = await TestController.open(catalog, { hosts: 2 })
    test.hosts.host(2).crash()
    await settled()
    await expect(test.ask('createStream', clicks)).rejects.toThrow(
      'Host 2 is down (process 7 ended by SIGKILL); try again.',
    )
    expect(catalog.commits).toHaveLength(1)
  })

  it('finishes after a host that died during it came back', async () => {
    const hosts = new FakeHosts()
    hosts.behaviour = (hostId) => ({
      openShards: () => {
        hosts.behaviour = () => ({})
        hosts.host(hostId).crash()
        return new Promise(() => {})
      },
    })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    const created = test.ask('createStream', clicks)
    await settled()
    expect(await statusOf(test)).toBe('CREATING')
    await test.time.advance(1_000)
    expect((await created).stream.status).toBe('ACTIVE')
    expect(hosts.host(1).calls).toEqual(['start 2 shards', 'openShards 2'])
  })

  it('answers that the outcome is unknown when the host stays away, and finishes when it is back', async () => {
    const hosts = new FakeHosts()
    hosts.behaviour = () => ({
      openShards: () => Promise.reject(new MillraceError('unavailable', 'not now')),
    })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    let code = ''
    test.ask('createStream', clicks).catch((error: MillraceError) => (code = error.code))
    await test.time.advance(20_000)
    expect(code).toBe('outcomeUnknown')
    expect(await statusOf(test)).toBe('CREATING')
    expect(await test.outcome('describeRouting', clicks)).toBe('streamBusy')
    expect(await test.outcome('deleteStream', clicks)).toBe('streamBusy')
    hosts.behaviour = () => ({})
    hosts.host(1).crash()
    await test.time.advance(1_000)
    expect(await statusOf(test)).toBe('ACTIVE')
  })
})

describe('deleteStream', () => {
  it('marks the stream, lets the hosts drop it, and removes its rows at once', async () => {
    const catalog = new MemoryCatalog()
    const test = await TestController.open(catalog)
    await test.ask('createStream', clicks)
    await test.ask('deleteStream', clicks)
    expect(catalog.commits.slice(-2)).toEqual([
      ['put stream DELETING'],
      ['remove shard', 'remove shard', 'remove stream'],
    ])
    expect(test.hosts.host(1).calls.at(-1)).toBe('dropStream 1')
    expect(await statusOf(test)).toBe('gone')
    expect(await test.outcome('createStream', clicks)).toBe('done')
  })

  it('deletes only the stream that is meant, where another one has its name by now', async () => {
    const test = await TestController.open(new MemoryCatalog())
    await test.ask('createStream', clicks)
    await test.ask('deleteStream', { name: 'clicks', expectedId: 1 })
    await test.ask('createStream', clicks)
    expect(await test.outcome('deleteStream', { name: 'clicks', expectedId: 1 })).toBe('streamNotFound')
    expect(await statusOf(test)).toBe('ACTIVE')
    await test.ask('deleteStream', { name: 'clicks', expectedId: 2 })
    expect(await statusOf(test)).toBe('gone')
  })

  it('refuses a stream that does not exist, or is being deleted already', async () => {
    const hosts = new FakeHosts()
    hosts.behaviour = () => ({ dropStream: () => new Promise(() => {}) })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    expect(await test.outcome('deleteStream', { name: 'clicks' })).toBe('streamNotFound')
    await test.ask('createStream', clicks)
    expect(await test.outcome('deleteStream', clicks)).toBe('open')
    expect(await test.outcome('deleteStream', clicks)).toBe('streamBusy')
    expect(await test.outcome('createStream', clicks)).toBe('streamBusy')
  })

  it('lets a restarted host forget slots that it does not serve any more, before their rows are removed', async () => {
    const test = await TestController.open(new MemoryCatalog())
    await test.ask('createStream', clicks)
    test.hosts.host(1).crash()
    await settled()
    let dropped: number[] = []
    test.hosts.behaviour = () => ({
      dropStream: ({ shards }) => {
        dropped = shards.map(({ slot }) => slot)
        return null
      },
    })
    const deleted = test.ask('deleteStream', clicks)
    await test.time.advance(1_000)
    await deleted
    expect(test.hosts.host(1).calls).toEqual(['start 0 shards', 'dropStream 1'])
    expect(dropped).toEqual([1, 2])
  })
})

describe('StreamRegistry continues after a crash:', () => {
  // The commits of create and delete: 1 identity, 2 CREATING, 3 ACTIVE, 4 DELETING, 5 removal.
  it.each([
    { failing: 2, late: false, after: 'gone' },
    { failing: 2, late: true, after: 'ACTIVE' },
    { failing: 3, late: false, after: 'ACTIVE' },
    { failing: 3, late: true, after: 'ACTIVE' },
    { failing: 4, late: false, after: 'ACTIVE' },
    { failing: 4, late: true, after: 'gone' },
    { failing: 5, late: false, after: 'gone' },
    { failing: 5, late: true, after: 'gone' },
  ])('commit $failing fails (stored: $late): the stream is $after after the restart', async (step) => {
    const catalog = new MemoryCatalog()
    let commits = 0
    catalog.beforeCommit = () => {
      commits += 1
      if (commits !== step.failing) return Promise.resolve()
      return step.late ? Promise.resolve(true) : Promise.reject(new Error('EIO'))
    }
    const dying = await TestController.open(catalog)
    const outcomes = [
      await dying.outcome('createStream', clicks),
      await dying.outcome('deleteStream', clicks),
    ]
    expect(outcomes).toContain('outcomeUnknown')
    expect(dying.broken).toHaveLength(1)
    expect(await dying.outcome('createStream', { name: 'more', shardCount: 1 })).toBe('unavailable')

    const next = await TestController.open(catalog)
    expect(await statusOf(next)).toBe(step.after)
    const served = step.after === 'ACTIVE' ? 2 : 0
    expect(next.hosts.host(1).slots.size).toBe(served)
    expect(await next.outcome('createStream', { name: 'more', shardCount: 1 })).toBe('done')
  })
})

describe('the control plane', () => {
  it('lists streams by name, a page at a time', async () => {
    const test = await TestController.open(new MemoryCatalog())
    for (const name of ['c', 'a', 'b']) await test.ask('createStream', { name, shardCount: 1 })
    const first = await test.ask('listStreams', { limit: 2 })
    expect([first.streams.map(({ name }) => name), first.hasMore]).toEqual([['a', 'b'], true])
    const second = await test.ask('listStreams', { limit: 2, exclusiveStartName: 'b' })
    expect([second.streams.map(({ name }) => name), second.hasMore]).toEqual([['c'], false])
    expect(await test.outcome('listStreams', { limit: 0 })).toBe('invalidArgument')
  })

  it('lists shards with their live extents, and without them while the host is down', async () => {
    const hosts = new FakeHosts()
    hosts.behaviour = () => ({
      describeShards: ({ streamId }) => ({
        extents: [
          { streamId, shardIndex: 1, trimHorizon: 3, tail: 9, lastArrivalTime: 0, bytes: 0, closed: false },
          { streamId, shardIndex: 0, trimHorizon: 0, tail: 5, lastArrivalTime: 0, bytes: 0, closed: false },
        ],
      }),
    })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    await test.ask('createStream', clicks)
    const asked: unknown[] = []
    hosts.around = (call, _host, work, request) => {
      if (call === 'describeShards') asked.push(request)
      return work()
    }
    const page = await test.ask('listShards', { name: 'clicks', limit: 1 })
    // A stream may have 65,536 shards, so a page asks hosts only for its own shards.
    expect(asked).toEqual([{ streamId: 1, shardIndexes: [0] }])
    expect(page).toMatchObject({
      shards: [{ index: 0, trimHorizon: 0, tail: 5, state: 'OPEN' }],
      hasMore: true,
    })
    const rest = await test.ask('listShards', { name: 'clicks', limit: 5, exclusiveStartIndex: 0 })
    expect(rest).toMatchObject({ shards: [{ index: 1, trimHorizon: 3, tail: 9 }], hasMore: false })
    hosts.host(1).crash()
    await settled()
    const { shards } = await test.ask('listShards', { name: 'clicks', limit: 5 })
    expect(shards.map(({ tail }) => tail)).toEqual([undefined, undefined])
  })

  it('covers the hash keys from 0 to 2^128-1 with the shards of a new stream', async () => {
    const test = await TestController.open(new MemoryCatalog())
    await test.ask('createStream', { name: 'thirds', shardCount: 3 })
    const { shards } = await test.ask('describeRouting', { name: 'thirds' })
    expect(shards.map(({ endingHashKey }) => Buffer.from(endingHashKey).toString('hex'))).toEqual([
      '55555555555555555555555555555554',
      'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa9',
      'ffffffffffffffffffffffffffffffff',
    ])
  })

  it('routes to hosts by address, and answers unavailable until each was ready once', async () => {
    const catalog = new MemoryCatalog()
    const first = await TestController.open(catalog)
    await first.ask('createStream', clicks)
    expect(await first.ask('describeRouting', clicks)).toMatchObject({
      streamId: 1,
      epoch: 1,
      hosts: [{ hostId: 1, host: 'test', port: 7401 }],
    })
    first.hosts.host(1).crash()
    await settled()
    expect(await first.outcome('describeRouting', clicks)).toBe('done')
    const second = await TestController.open(catalog, { start: false })
    expect(await second.outcome('describeRouting', clicks)).toBe('unavailable')
  })

  it('describes the broker: identity, counts, and every host with its reason', async () => {
    const catalog = new MemoryCatalog()
    const test = await TestController.open(catalog, { hosts: 2 })
    await test.ask('createStream', { name: 'wide', shardCount: 3 })
    test.hosts.host(2).crash()
    await settled()
    expect(await test.ask('describeBroker', {})).toMatchObject({
      brokerId: 'broker-1',
      streamCount: 1,
      shardCount: 3,
      hosts: [
        { hostId: 1, state: 'ready', openShards: 2, port: 7401 },
        { hostId: 2, state: 'down', openShards: 1, reason: 'process 7 ended by SIGKILL' },
      ],
    })
    const again = await TestController.open(catalog, { hosts: 2 })
    expect((await again.ask('describeBroker', {})).brokerId).toBe('broker-1')
  })

  it('moves no shard when the number of hosts changes: owners move', async () => {
    const catalog = new MemoryCatalog()
    const wide = await TestController.open(catalog, { hosts: 4 })
    await wide.ask('createStream', { name: 'wide', shardCount: 8 })
    const narrow = await TestController.open(catalog, { hosts: 1, owners: 1 })
    expect(narrow.hosts.host(1).calls).toEqual(['start 8 shards'])
    expect(narrow.hosts.host(1).slots).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]))
  })
})
