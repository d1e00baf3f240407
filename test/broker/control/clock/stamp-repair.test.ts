// Shards that are stamped ahead of the clock are put right: open ones are renewed, closed ones were closed by now.
import { describe, expect, it } from 'vitest'
import type { AheadShard, PlacedShard } from '../../../../broker/host-contract.ts'
import { FakeHosts } from '../support/fake-hosts.ts'
import { FakeTime, settled } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const YEAR = 365 * 24 * HOUR

/** Time whose wall clock may be wrong. */
class WrongTime extends FakeTime {
  error = 0
  override now = (): number => this.elapsed() + this.error
}

class Ahead {
  readonly time = new WrongTime()
  readonly hosts = new FakeHosts()
  readonly catalog = new MemoryCatalog()
  /** What hosts say: shards of the stream, by index. */
  shards: number[] = []
  readonly opened: PlacedShard[] = []
  readonly told: number[] = []
  test!: TestController

  async open(stream: object = {}): Promise<this> {
    this.hosts.behaviour = () => ({
      stampedAhead: () => ({
        shards: this.shards.map((shardIndex): AheadShard => ({ streamId: 1, shardIndex, aheadMs: YEAR })),
      }),
    })
    this.hosts.around = (call, _host, work, request) => {
      if (call === 'openShards') this.opened.push(...(request as { shards: PlacedShard[] }).shards)
      return work()
    }
    this.test = await TestController.open(this.catalog, { fakeHosts: this.hosts, time: this.time })
    await this.test.ask('createStream', { name: 's', shardCount: 2, ...stream })
    return this
  }

  async pass(ms: number): Promise<void> {
    await this.time.advance(ms)
    await settled()
  }

  /** By index: state and parents of each shard. */
  async listed(): Promise<string[]> {
    const { shards } = await this.test.ask('describeRouting', { name: 's' })
    return shards.map(({ index, state, parents }) => `${index} ${state} of ${parents.join()}`)
  }
}

describe('an open shard that is stamped ahead', () => {
  it('is closed, and a child takes its place over the same hash keys; others stay', async () => {
    const ahead = await new Ahead().open()
    const before = await ahead.test.ask('describeRouting', { name: 's' })
    ahead.shards = [1]
    await ahead.pass(6 * SECOND)
    expect(await ahead.listed()).toEqual(['0 OPEN of ', '1 CLOSED of ', '2 OPEN of 1'])
    const { shards } = await ahead.test.ask('describeRouting', { name: 's' })
    expect(shards[2]!.startingHashKey).toEqual(before.shards[1]!.startingHashKey)
    expect(shards[2]!.endingHashKey).toEqual(before.shards[1]!.endingHashKey)
    expect(Math.abs(shards[1]!.closedAt! - ahead.time.now())).toBeLessThanOrEqual(MINUTE)
    expect(await ahead.test.controller.scrape()).toContain('millrace_stamped_ahead_shards 1\n')
  })

  it('is renewed in an on-demand stream as well, and nothing else is', async () => {
    const ahead = await new Ahead().open({ mode: 'on-demand' })
    ahead.shards = [0, 1]
    await ahead.pass(6 * SECOND)
    ahead.shards = []
    await ahead.pass(MINUTE)
    expect(await ahead.listed()).toEqual(['0 CLOSED of ', '1 CLOSED of ', '2 OPEN of 0', '3 OPEN of 1'])
  })

  it('stays as it is while the clock is doubted', async () => {
    const ahead = await new Ahead().open()
    await ahead.pass(4 * SECOND)
    ahead.time.error = YEAR
    await ahead.pass(2 * SECOND)
    ahead.shards = [0, 1]
    await ahead.pass(5 * MINUTE)
    expect(await ahead.listed()).toEqual(['0 OPEN of ', '1 OPEN of '])
  })
})

describe('a closed shard that is stamped ahead', () => {
  it('was closed when it was, and its host is told', async () => {
    const ahead = await new Ahead().open()
    ahead.shards = [1]
    await ahead.pass(6 * SECOND)
    ahead.opened.length = 0
    await ahead.pass(6 * SECOND)
    const closed = ahead.opened.filter(({ closedAt }) => closedAt !== null)
    expect(closed.map(({ shardIndex }) => shardIndex)).toEqual([1])
    expect(Math.abs(closed[0]!.closedAt! - ahead.time.now())).toBeLessThanOrEqual(MINUTE)
  })

  it('was closed by now, where the clock by which it was closed had been ahead and is right again', async () => {
    const ahead = await new Ahead().open()
    ahead.time.error = YEAR
    await ahead.pass(HOUR)
    await ahead.test.ask('splitShard', { name: 's', shardIndex: 0, newStartingHashKeys: [] })
    const closedAt = async () => (await ahead.test.ask('describeRouting', { name: 's' })).shards[0]!.closedAt!
    expect(await closedAt()).toBeGreaterThan(ahead.time.elapsed() + YEAR / 2)
    ahead.time.error = 0
    await ahead.pass(MINUTE)
    expect(Math.abs((await closedAt()) - ahead.time.elapsed())).toBeLessThanOrEqual(MINUTE)
  })
})
