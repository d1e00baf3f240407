// Provisioned and on-demand streams: creation, switches of mode, and descriptions.
import { describe, expect, it } from 'vitest'
import { servedDefaults } from '../../support/requests.ts'
import { held } from './support/changing.ts'
import { FakeHosts } from './support/fake-hosts.ts'
import { settled } from './support/fake-time.ts'
import { MemoryCatalog } from './support/memory-catalog.ts'
import { TestController } from './support/test-controller.ts'

const clicks = { name: 'clicks' }
const describeClicks = async (test: TestController) => (await test.ask('describeStream', clicks)).stream

describe('describeStream and listShards', () => {
  it('describe a stream with all its settings, and the same after a restart', async () => {
    const catalog = new MemoryCatalog()
    const test = await TestController.open(catalog)
    const { stream } = await test.ask('createStream', { ...clicks, mode: 'on-demand', retentionBytes: 9 })
    expect(stream).toMatchObject({
      status: 'ACTIVE',
      mode: 'on-demand',
      openShardCount: 4,
      retentionBytes: 9,
      epoch: 1,
      targetShardCount: undefined,
      scaling: {
        shardsMin: 4,
        shardsMax: 256,
        targetBytesPerSecond: 4_194_304,
        targetRecordsPerSecond: 40_000,
      },
    })
    expect(await describeClicks(await TestController.open(catalog))).toEqual(stream)
  })

  it('show a stream as UPDATING while its shards are changed, with its target number of shards', async () => {
    const hosts = new FakeHosts()
    const { release } = held(hosts, 'sealShards')
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    await test.ask('createStream', { ...clicks, shardCount: 2 })
    const scaled = test.ask('updateShardCount', { ...clicks, shardCount: 4 })
    await settled()
    expect(await describeClicks(test)).toMatchObject({
      status: 'UPDATING',
      openShardCount: 2,
      targetShardCount: 4,
    })
    release()
    expect((await scaled).stream).toMatchObject({
      status: 'ACTIVE',
      openShardCount: 4,
      targetShardCount: undefined,
    })
  })

  it('list shards with the times of their creation and closing, and the bytes that hosts report', async () => {
    const hosts = new FakeHosts()
    hosts.behaviour = () => ({
      describeShards: ({ streamId }) => ({
        extents: [
          { streamId, shardIndex: 0, trimHorizon: 3, tail: 9, lastArrivalTime: 1, bytes: 77, closed: true },
        ],
      }),
    })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    await test.ask('createStream', clicks)
    const createdAt = test.time.now()
    await test.time.advance(5_000)
    await test.ask('splitShard', { ...clicks, shardIndex: 0, newStartingHashKeys: [] })
    const { shards } = await test.ask('listShards', { ...clicks, limit: 10 })
    expect(shards.map(({ createdAt: at, closedAt, bytes }) => [at, closedAt, bytes])).toEqual([
      [createdAt, createdAt + 5_000, 77],
      [createdAt + 5_000, undefined, undefined],
      [createdAt + 5_000, undefined, undefined],
    ])
  })
})

describe('updateStream with a new mode', () => {
  it('keeps the shards, both ways, and changes nothing when it is repeated', async () => {
    const catalog = new MemoryCatalog()
    const test = await TestController.open(catalog)
    const scaling = { shardsMin: 1, shardsMax: 2 }
    await test.ask('createStream', { ...clicks, shardCount: 5, scaling } as object)
    const switched = await test.ask('updateStream', { ...clicks, mode: 'on-demand' })
    expect(switched.stream).toMatchObject({ mode: 'on-demand', openShardCount: 5 })
    const commits = catalog.commits.length
    expect(await test.ask('updateStream', { ...clicks, mode: 'on-demand' })).toEqual(switched)
    expect(catalog.commits).toHaveLength(commits)
    const back = await test.ask('updateStream', { ...clicks, mode: 'provisioned' })
    expect(back.stream).toMatchObject({ mode: 'provisioned', openShardCount: 5 })
  })

  it('tells no host, because hosts need not know the mode', async () => {
    const test = await TestController.open(new MemoryCatalog())
    await test.ask('createStream', clicks)
    const calls = test.hosts.host(1).calls.length
    await test.ask('updateStream', { ...clicks, mode: 'on-demand' })
    expect(test.hosts.host(1).calls).toHaveLength(calls)
  })

  it('gives up the goal of updateShardCount when it switches to on-demand', async () => {
    const hosts = new FakeHosts()
    const { release } = held(hosts, 'sealShards')
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    await test.ask('createStream', { ...clicks, shardCount: 1 })
    const scaled = test.ask('updateShardCount', { ...clicks, shardCount: 8 })
    await settled()
    const { stream } = await test.ask('updateStream', { ...clicks, mode: 'on-demand' })
    expect(stream).toMatchObject({ mode: 'on-demand', targetShardCount: undefined })
    release()
    await scaled
    await settled()
    expect(await describeClicks(test)).toMatchObject({ status: 'ACTIVE', openShardCount: 2 })
    expect(await test.outcome('updateShardCount', { ...clicks, shardCount: 8 })).toBe('invalidArgument')
    expect(await test.outcome('mergeShards', { ...clicks, shardIndex: 1, adjacentShardIndex: 2 })).toBe(
      'invalidArgument',
    )
  })

  it('refuses settings that contradict each other, and stores nothing', async () => {
    const catalog = new MemoryCatalog()
    const test = await TestController.open(catalog)
    await test.ask('createStream', clicks)
    const commits = catalog.commits.length
    const request = { ...clicks, mode: 'on-demand', scaling: { shardsMax: 0 } } as object
    expect(await test.outcome('updateStream', request)).toBe('invalidArgument')
    expect(catalog.commits).toHaveLength(commits)
  })
})

describe('updateStream with new limits', () => {
  it('tells the hosts of the stream what they must know', async () => {
    const hosts = new FakeHosts()
    const told: unknown[] = []
    hosts.behaviour = () => ({
      updateStream: ({ settings }) => {
        told.push(settings)
        return null
      },
    })
    const test = await TestController.open(new MemoryCatalog(), { fakeHosts: hosts })
    const { stream } = await test.ask('createStream', clicks)
    const shardLimits = { ...stream.shardLimits, readsPerSecond: 5 }
    await test.ask('updateStream', { ...clicks, shardLimits })
    await test.ask('updateStream', { ...clicks, retentionBytes: 1000 })
    const { retentionMs } = stream
    expect(told).toEqual([
      { ...servedDefaults, retentionMs, retentionBytes: 0, shardLimits },
      { ...servedDefaults, retentionMs, retentionBytes: 1000, shardLimits },
    ])
  })
})
