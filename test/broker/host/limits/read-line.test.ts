// Classic readers share the limit of reads of their shard: subscriptions without a consumer among each other, and with fetches.
import { describe, expect, it } from 'vitest'
import { noShardLimits } from '../../../../protocol/structs.ts'
import type { ShardLimits } from '../../../../protocol/operations.ts'
import { FakeSession } from '../support/fake-session.ts'
import {
  codeOf,
  contents,
  makeBatch,
  placedShard,
  startTestHost,
  STREAM,
  type TestHost,
} from '../support/test-host.ts'
import { rest, until } from '../support/stepped-time.ts'

function settingsOf(limits: Partial<ShardLimits>) {
  return { ...placedShard(0).settings, shardLimits: { ...noShardLimits, ...limits } }
}

const limited = (limits: Partial<ShardLimits>, settings = {}) =>
  startTestHost({ shards: [placedShard(0, { settings: settingsOf(limits) })], settings })

/** Lets time pass in steps, and the host do what it brings. */
async function pass(host: TestHost, seconds: number): Promise<void> {
  for (let step = 0; step < seconds * 100; step++) {
    host.time.advance(10)
    await rest(2)
  }
}

describe.each([
  ['memory', {}],
  ['storage', { tailCacheBytes: 0 }],
])('subscriptions without a consumer, from %s', (_, settings) => {
  it('get the limit of reads together, each its share of it', async () => {
    const host = await limited({ readBytesPerSecond: 10_000, subscriptionBytesPerSecond: 1 }, settings)
    await host.fill(500, 888) // 1000 bytes each
    const sessions = Array.from({ length: 5 }, () => new FakeSession())
    for (const session of sessions) await host.subscribe(session)
    await rest()
    await pass(host, 20)
    const bytes = sessions.map(({ pushedBytes }) => pushedBytes)
    const sum = bytes.reduce((all, each) => all + each, 0)
    // A second's worth may be saved up, and each may have one delivery of a second's worth under way.
    expect(sum).toBeGreaterThan(20 * 10_000 * 0.8)
    expect(sum).toBeLessThan(21 * 10_000 + 5 * 10_000)
    for (const each of bytes) expect(each).toBeGreaterThan((20 * 10_000 * 0.5) / 5)
    for (const session of sessions) {
      const numbers = contents(session.pushed).map((text) => Number(text.split(':')[0]))
      expect(numbers).toEqual(numbers.map((_number, place) => place))
    }
  })
})

describe('the limit of reads', () => {
  it('is used up for fetches by a subscription, and for subscriptions by a fetch', async () => {
    const host = await limited({ readBytesPerSecond: 1000 })
    await host.fill(5, 2000)
    const [fetching, subscribed] = [new FakeSession(), new FakeSession()]
    expect(codeOf(await host.fetchOne(fetching, 0, { bytesMax: 1 }))).toBe('stored')
    await host.subscribe(subscribed)
    await rest()
    expect(subscribed.pushed).toHaveLength(0)
    await pass(host, 2)
    expect(subscribed.pushed.length).toBeGreaterThan(0)
    expect(codeOf(await host.fetchOne(fetching, 0))).toBe('provisionedThroughputExceeded')
  })

  it('starves no fetch that comes again when it was told to, while a subscription is far behind', async () => {
    const host = await limited({ readBytesPerSecond: 1000 })
    await host.fill(200, 888)
    const [fetching, subscribed] = [new FakeSession(), new FakeSession()]
    await host.subscribe(subscribed)
    await rest()
    let fetched = 0
    let waitMs = 0
    for (let step = 0; step < 3000; step++) {
      host.time.advance(10)
      await rest(2)
      waitMs -= 10
      if (waitMs > 0) continue
      const answer = await host.fetchOne(fetching, fetched, { bytesMax: 1 })
      if (answer.code === 0) fetched = answer.nextSequenceNumber
      waitMs = answer.retryAfterMs ?? 0
    }
    expect(fetched).toBeGreaterThan(5)
    expect(subscribed.pushed.length).toBeGreaterThan(5)
    expect(fetched + subscribed.pushed.length).toBeLessThan(35)
  })

  it('does not hold back a registered consumer, nor a consumer the classic readers', async () => {
    const host = await limited({ readBytesPerSecond: 1000, subscriptionBytesPerSecond: 1_000_000 })
    host.serveConsumers('one')
    await host.fill(20, 2000)
    const [classic, consumer] = [new FakeSession(), new FakeSession()]
    await host.subscribe(classic)
    await until(() => classic.pushed.length > 0)
    await host.subscribe(consumer, { consumer: 'one' })
    await until(() => consumer.pushed.length === 20)
    expect(classic.pushed.length).toBeLessThan(5)
    const used = classic.pushed.length
    await pass(host, 4)
    expect(classic.pushed.length).toBeGreaterThan(used)
  })

  it('lets the line go within a second when it is lifted, and leaves no timer of one that has left', async () => {
    const host = await limited({ readBytesPerSecond: 1 })
    await host.fill(5, 1000)
    const before = host.time.timerCount
    const sessions = [new FakeSession(), new FakeSession(), new FakeSession()]
    for (const session of sessions) await host.subscribe(session)
    await rest()
    expect(host.time.timerCount).toBe(before + 1)
    sessions[0]!.leave()
    sessions[1]!.leave()
    host.engine.lifecycle.update(STREAM, settingsOf({}))
    host.time.advance(1000)
    await until(() => sessions[2]!.pushed.length === 5)
    expect(host.time.timerCount).toBe(before)
    host.engine.lifecycle.update(STREAM, settingsOf({ readBytesPerSecond: 1 }))
    await host.append(new FakeSession(), makeBatch(['x'.repeat(1000)]), makeBatch(['y']))
    await rest()
    sessions[2]!.leave()
    expect(host.time.timerCount).toBe(before)
  })
})
