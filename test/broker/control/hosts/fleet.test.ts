// New shards go to owners that run, and not to those that their hosts had to leave out because the disk is full.
import { describe, expect, test } from 'vitest'
import { FakeHosts } from '../support/fake-hosts.ts'
import { settled } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

/** Two hosts with four owners, of which `absent` have no room; owners 0 and 2 are host 1's, 1 and 3 host 2's. */
async function controllerWithout(absent: Set<number>) {
  const fakeHosts = new FakeHosts()
  const absentOn = (hostId: number) => [...absent].filter((ownerId) => 1 + (ownerId % 2) === hostId)
  let attempts = 0
  fakeHosts.behaviour = (hostId) => ({
    start: () => ({ port: 1, absentOwners: absentOn(hostId) }),
    startAbsentOwners: () => {
      attempts++
      return { absentOwners: absentOn(hostId) }
    },
  })
  const controller = await TestController.open(new MemoryCatalog(), { hosts: 2, owners: 4, fakeHosts })
  /** How many shards each host was told to serve so far. */
  const served = () => [1, 2].map((hostId) => fakeHosts.host(hostId).slots.size)
  return { controller, fakeHosts, served, attempts: () => attempts }
}

describe('createStream', () => {
  test('places no shard on an owner that does not run, until it does', async () => {
    const absent = new Set([1, 3])
    const { controller, served, attempts } = await controllerWithout(absent)
    await controller.ask('createStream', { name: 'narrow', shardCount: 4 })
    expect(served()).toEqual([4, 0])
    absent.clear()
    await controller.ask('createStream', { name: 'wide', shardCount: 4 })
    expect(served()).toEqual([4, 4])
    expect(attempts()).toBe(2)
    await controller.ask('createStream', { name: 'even', shardCount: 4 })
    expect(served()).toEqual([6, 6])
    expect(attempts()).toBe(2)
  })

  test('is refused as storageFull where no owner runs, and stores nothing', async () => {
    const { controller } = await controllerWithout(new Set([0, 1, 2, 3]))
    expect(await controller.outcome('createStream', { name: 'clicks', shardCount: 1 })).toBe('storageFull')
    expect((await controller.ask('listStreams', { limit: 10 })).streams).toEqual([])
  })
})

test('splitShard: keeps both children on owners that run', async () => {
  const { controller, served } = await controllerWithout(new Set([1, 3]))
  await controller.ask('createStream', { name: 'clicks', shardCount: 1 })
  await controller.ask('splitShard', { name: 'clicks', shardIndex: 0, newStartingHashKeys: [] })
  expect(served()).toEqual([3, 0])
})

test('splitShard: places no child on an owner whose host is down and had left it out', async () => {
  const absent = new Set([1, 3])
  const { controller, fakeHosts } = await controllerWithout(absent)
  await controller.ask('createStream', { name: 'clicks', shardCount: 1 })
  fakeHosts.host(2).crash()
  await settled()
  await controller.ask('splitShard', { name: 'clicks', shardIndex: 0, newStartingHashKeys: [] })
  expect(fakeHosts.host(1).slots.size).toBe(3)
})

test('splitShard: places no child on a host that has not said yet which owners it leaves out', async () => {
  const catalog = new MemoryCatalog()
  const before = await TestController.open(catalog, { hosts: 1, owners: 1 })
  await before.ask('createStream', { name: 'clicks', shardCount: 1 })
  const fakeHosts = new FakeHosts()
  fakeHosts.behaviour = (hostId) => (hostId === 2 ? { start: () => new Promise(() => {}) } : {})
  const controller = await TestController.open(catalog, { hosts: 2, owners: 4, fakeHosts })
  await controller.ask('splitShard', { name: 'clicks', shardIndex: 0, newStartingHashKeys: [] })
  expect([1, 2].map((hostId) => fakeHosts.host(hostId).slots.size)).toEqual([3, 0])
})

test('createStream: does without an owner whose start hangs', async () => {
  const { controller, fakeHosts, served } = await controllerWithout(new Set([1, 3]))
  fakeHosts.around = (call, _host, work) => (call === 'startAbsentOwners' ? new Promise(() => {}) : work())
  const created = controller.ask('createStream', { name: 'clicks', shardCount: 4 })
  await settled()
  await controller.time.advance(60_000)
  await created
  expect(served()).toEqual([4, 0])
})

test('updateShardCount: uses an owner once it runs', async () => {
  const absent = new Set([1, 3])
  const { controller, served } = await controllerWithout(absent)
  await controller.ask('createStream', { name: 'clicks', shardCount: 1 })
  expect(served()).toEqual([1, 0])
  absent.clear()
  await controller.ask('updateShardCount', { name: 'clicks', shardCount: 2 })
  expect(served()).toEqual([2, 1])
})
