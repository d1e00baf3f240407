// Closed shards are removed when none of their records can be read any more, and not before, whatever fails in between.
import { describe, expect, it } from 'vitest'
import { FakeHosts } from '../support/fake-hosts.ts'
import { settled } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const clicks = { name: 'clicks' }

/** Shards whose records have all expired, as the test says. */
class Storage {
  readonly hosts = new FakeHosts()
  readonly expired = new Set<number>()
  /** Shards that their hosts do not serve: dropped, or too damaged. */
  readonly missing = new Set<number>()

  constructor() {
    this.hosts.behaviour = () => ({
      describeShards: ({ streamId }) => ({
        extents: [0, 1, 2, 3, 4, 5, 6]
          .filter((shardIndex) => !this.missing.has(shardIndex))
          .map((shardIndex) => {
            const trimHorizon = this.expired.has(shardIndex) ? 9 : 3
            return { streamId, shardIndex, trimHorizon, tail: 9, lastArrivalTime: 1, bytes: 1, closed: true }
          }),
      }),
    })
  }

  open(catalog: MemoryCatalog, more: object = {}): Promise<TestController> {
    return TestController.open(catalog, { fakeHosts: this.hosts, ...more })
  }
}

/** A stream whose shard 0 was split into 1 and 2. */
async function splitStream(storage: Storage, catalog = new MemoryCatalog()): Promise<TestController> {
  const test = await storage.open(catalog)
  await test.ask('createStream', clicks)
  await test.ask('splitShard', { ...clicks, shardIndex: 0, newStartingHashKeys: [] })
  return test
}

const shardsOf = async (test: TestController): Promise<number[]> => {
  const { shards } = await test.ask('listShards', { ...clicks, limit: 1000 })
  return shards.map(({ index }) => index)
}
const drops = (test: TestController): string[] =>
  test.hosts.lives.flatMap(({ calls }) => calls.filter((call) => call.startsWith('dropShards')))

describe('ShardRetirement', () => {
  it('removes a closed shard, and has its host drop it, once it is empty and closed for a quarter of an hour', async () => {
    const storage = new Storage()
    const catalog = new MemoryCatalog()
    const test = await splitStream(storage, catalog)
    storage.expired.add(0)
    const { epoch } = (await test.ask('describeStream', clicks)).stream
    await test.time.advance(15 * MINUTE_MS)
    expect([await shardsOf(test), drops(test)]).toEqual([[0, 1, 2], []])
    await test.time.advance(20_000)
    expect([await shardsOf(test), drops(test)]).toEqual([[1, 2], ['dropShards 0']])
    expect((await test.ask('describeStream', clicks)).stream.epoch).toBe(epoch + 1)
    expect(await test.controller.scrape()).toContain('millrace_expired_shards_total 1\n')
    // The open shards still cover all hash keys, and their parents may be gone.
    const next = await storage.open(catalog)
    expect(await shardsOf(next)).toEqual([1, 2])
  })

  it('keeps a closed shard while a record of it can be read, and every open shard', async () => {
    const storage = new Storage()
    const test = await splitStream(storage)
    storage.expired.add(1).add(2)
    await test.time.advance(25 * HOUR_MS)
    expect([await shardsOf(test), drops(test)]).toEqual([[0, 1, 2], []])
  })

  it('removes a shard only after its parents, so that readers can follow the lineage from the oldest shard', async () => {
    const storage = new Storage()
    const test = await splitStream(storage)
    await test.ask('splitShard', { ...clicks, shardIndex: 1, newStartingHashKeys: [] })
    storage.expired.add(1)
    await test.time.advance(HOUR_MS)
    expect(await shardsOf(test)).toEqual([0, 1, 2, 3, 4])
    storage.expired.add(0)
    await test.time.advance(30_000)
    expect([await shardsOf(test), drops(test)]).toEqual([
      [2, 3, 4],
      ['dropShards 0', 'dropShards 1'],
    ])
  })

  it('removes nothing because of a jump of the clock', async () => {
    const storage = new Storage()
    const test = await splitStream(storage)
    storage.expired.add(0)
    const { now } = test.time
    test.time.now = () => now() + 365 * 24 * HOUR_MS
    await test.time.advance(14 * MINUTE_MS)
    expect(await shardsOf(test)).toEqual([0, 1, 2])
  })

  it('waits for a host that is down, and removes the shard when the host is back', async () => {
    const storage = new Storage()
    const test = await splitStream(storage)
    storage.expired.add(0)
    const { behaviour } = storage.hosts
    storage.hosts.behaviour = () => ({ start: () => Promise.reject(new Error('not yet')) })
    test.hosts.host(1).crash()
    await test.time.advance(HOUR_MS)
    expect([await shardsOf(test), drops(test)]).toEqual([[0, 1, 2], []])
    storage.hosts.behaviour = behaviour
    await test.time.advance(MINUTE_MS)
    expect(await shardsOf(test)).toEqual([1, 2])
  })

  it('removes a shard that its host fails to drop, and has it dropped later', async () => {
    const storage = new Storage()
    const test = await splitStream(storage)
    storage.expired.add(0)
    let refusals = 0
    storage.hosts.around = (call, _, work) => {
      if (call !== 'dropShards' || refusals === 2) return work()
      refusals += 1
      throw new Error('not now')
    }
    await test.time.advance(16 * MINUTE_MS)
    expect([refusals, await shardsOf(test)]).toEqual([2, [1, 2]])
  })

  it('keeps a shard that its host does not serve for the whole retention', async () => {
    const storage = new Storage()
    const test = await splitStream(storage)
    storage.missing.add(0)
    await test.time.advance(23 * HOUR_MS)
    expect(await shardsOf(test)).toEqual([0, 1, 2])
    await test.time.advance(HOUR_MS + MINUTE_MS)
    expect(await shardsOf(test)).toEqual([1, 2])
  })
})

describe('ShardRetirement, in a controller that dies,', () => {
  it('leaves an expired shard whole, before its row is replaced', async () => {
    const storage = new Storage()
    const catalog = new MemoryCatalog()
    const dying = await splitStream(storage, catalog)
    storage.expired.add(0)
    catalog.beforeCommit = () => Promise.reject(new Error('EIO'))
    await dying.time.advance(16 * MINUTE_MS)
    expect([drops(dying), dying.broken.length]).toEqual([[], 1])
    catalog.beforeCommit = () => Promise.resolve()
    expect(await shardsOf(await storage.open(catalog))).toEqual([0, 1, 2])
  })

  it('leaves the drop of a retired shard to the next controller, whose hosts never get the slot', async () => {
    const storage = new Storage()
    const catalog = new MemoryCatalog()
    const dying = await splitStream(storage, catalog)
    storage.expired.add(0)
    let commits = 0
    catalog.beforeCommit = () => (++commits === 2 ? Promise.reject(new Error('EIO')) : Promise.resolve())
    await dying.time.advance(16 * MINUTE_MS)
    expect([drops(dying), dying.broken.length]).toEqual([['dropShards 0'], 1])

    const next = await storage.open(catalog, { time: dying.time })
    expect(await shardsOf(next)).toEqual([1, 2])
    await next.time.advance(MINUTE_MS)
    expect(next.hosts.host(1).calls).toEqual(['start 2 shards', 'dropShards 0'])
    expect(commits).toBe(3)
  })
})

describe('the sweeps of ShardRetirement', () => {
  it('skip streams that are being changed or deleted, and end with the broker', async () => {
    const storage = new Storage()
    const test = await splitStream(storage)
    storage.expired.add(0)
    storage.hosts.around = (call, _, work) => (call === 'dropStream' ? new Promise(() => {}) : work())
    test.ask('deleteStream', clicks).catch(() => {})
    await test.time.advance(HOUR_MS)
    expect(drops(test)).toEqual([])
    const draining = test.controller.drain(0)
    await test.time.advance(MINUTE_MS)
    await draining
    await settled()
    expect(test.time.waiting).toEqual([])
  })
})
