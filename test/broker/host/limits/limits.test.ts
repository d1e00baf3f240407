// Limits of shards: what is refused, for how long, and what does not count.
import { beforeEach, describe, expect, it } from 'vitest'
import { payloadBytesAt } from '../../../../protocol/batch/payload.ts'
import { hostLimits } from '../../../../broker/host/host-limits.ts'
import { errorCodes, type ShardLimits } from '../../../../protocol/index.ts'
import { producerNumber } from '../../../support/producers.ts'
import { FakeSession } from '../support/fake-session.ts'
import { noShardLimits } from '../../../../protocol/structs.ts'
import { codeOf, makeBatch, placedShard, startTestHost, STREAM, type TestHost } from '../support/test-host.ts'
import { rest, until } from '../support/stepped-time.ts'

let session: FakeSession
const producer = new FakeSession()
beforeEach(() => {
  session = new FakeSession()
})

const limited = (limits: Partial<ShardLimits>) =>
  startTestHost({ shards: [placedShard(0, { settings: settingsOf(limits) }), placedShard(1)] })

function settingsOf(limits: Partial<ShardLimits>) {
  return { ...placedShard(0).settings, shardLimits: { ...noShardLimits, ...limits } }
}

/** Makes a batch of one record that counts as `bytes`. */
const batchOf = (bytes: number, identity = {}) => makeBatch(['x'.repeat(bytes - 'key'.length)], identity)
const appendOne = async (host: TestHost, bytes: number, shardIndex = 0) =>
  (await host.appendTo(producer, { shardIndex, batch: batchOf(bytes) })).results[0]!

describe('limits of appends', () => {
  it('count keys, headers and data, not framing', () => {
    expect(payloadBytesAt(batchOf(1000), 0)).toBe(1000)
    expect(payloadBytesAt(makeBatch(['a', 'bc', '']), 0)).toBe(3 * 'key'.length + 3)
  })

  it('refuse only this shard, with a code, the limit and the exact wait', async () => {
    const host = await limited({ writeBytesPerSecond: 1000 })
    expect(codeOf(await appendOne(host, 1500))).toBe('stored')
    const refused = await appendOne(host, 10)
    expect(codeOf(refused)).toBe('provisionedThroughputExceeded')
    expect(refused).toMatchObject({ durability: 'none', retryAfterMs: 501 })
    expect(refused.message).toMatch(/shardId-000000000000 .*writeBytesPerSecond of 1000/)
    expect(codeOf(await appendOne(host, 10, 1))).toBe('stored')
    host.time.advance(500)
    expect(codeOf(await appendOne(host, 10))).toBe('provisionedThroughputExceeded')
    host.time.advance(1)
    expect(codeOf(await appendOne(host, 10))).toBe('stored')
  })

  it('refuse by records too', async () => {
    const host = await limited({ writeBytesPerSecond: 1_000_000, writeRecordsPerSecond: 2 })
    await host.append(producer, makeBatch(['a', 'b', 'c', 'd']))
    const refused = await appendOne(host, 10)
    expect(refused).toMatchObject({ retryAfterMs: 1001 })
    expect(refused.message).toContain('writeRecordsPerSecond of 2')
  })

  it('apply to each batch of a request separately', async () => {
    const host = await limited({ writeBytesPerSecond: 1000 })
    const batches = [800, 800, 10].map((bytes) => batchOf(bytes))
    const { results } = await host.append(producer, ...batches)
    expect(results.map(codeOf)).toEqual(['stored', 'stored', 'provisionedThroughputExceeded'])
  })

  it('let through exactly their rate over a long time', async () => {
    const host = await limited({ writeBytesPerSecond: 10_000 })
    let stored = 0
    for (let ms = 0; ms < 60_000; ms += 50) {
      if (codeOf(await appendOne(host, 700)) === 'stored') stored += 700
      host.time.advance(50)
    }
    expect(stored).toBeGreaterThan(59 * 10_000)
    expect(stored).toBeLessThan(62 * 10_000)
  })

  it('count neither batches that the owner refuses nor duplicates', async () => {
    const host = await limited({ writeBytesPerSecond: 1000 })
    host.owner.refuse = () => 'outOfOrderSequence'
    for (let i = 0; i < 5; i++) expect(codeOf(await appendOne(host, 900))).toBe('outOfOrderSequence')
    host.owner.refuse = () => undefined
    const batch = () => batchOf(900, { producerId: producerNumber(3).producerId })
    for (let i = 0; i < 5; i++) {
      expect((await host.append(producer, batch())).results.map(codeOf)).toEqual(['stored'])
    }
    expect(codeOf(await appendOne(host, 50))).toBe('stored')
  })

  it('do not apply to a closed shard, whose owner finds the duplicates', async () => {
    const host = await limited({ writeBytesPerSecond: 1000 })
    const batch = () => batchOf(5000, { producerId: producerNumber(3).producerId })
    await host.append(producer, batch())
    await host.engine.lifecycle.seal({ streamId: STREAM, shards: [{ shardIndex: 0, children: [2, 3] }] })
    expect((await host.append(producer, batch())).results.map(codeOf)).toEqual(['stored'])
    expect(codeOf(await appendOne(host, 10))).toBe('shardClosed')
  })

  it('apply at once when they change, in both directions', async () => {
    const host = await limited({ writeBytesPerSecond: 1000 })
    const update = (limits: Partial<ShardLimits>) => host.engine.lifecycle.update(STREAM, settingsOf(limits))
    await appendOne(host, 11_000) // a debt of 10 s
    update({ writeBytesPerSecond: 10_000 })
    expect(await appendOne(host, 10)).toMatchObject({ retryAfterMs: 1001 })
    update({ writeBytesPerSecond: 100 })
    expect(await appendOne(host, 10)).toMatchObject({ retryAfterMs: 1001 })
    update({})
    expect(codeOf(await appendOne(host, 100_000))).toBe('stored')
    update({ writeBytesPerSecond: 1000 })
    expect(codeOf(await appendOne(host, 2000))).toBe('stored')
    expect(codeOf(await appendOne(host, 10))).toBe('provisionedThroughputExceeded')
  })
})

describe('limits', () => {
  it('apply to shards that are served already when they are opened again with other limits', async () => {
    const host = await limited({})
    await host.engine.lifecycle.open([placedShard(0, { settings: settingsOf({ writeBytesPerSecond: 1 }) })])
    expect(codeOf(await appendOne(host, 100))).toBe('stored')
    expect(codeOf(await appendOne(host, 100))).toBe('provisionedThroughputExceeded')
  })

  it('give a bounded retry delay, because they may be raised meanwhile', async () => {
    const host = await limited({ writeBytesPerSecond: 1, readBytesPerSecond: 1 })
    await host.append(producer, batchOf(1_000_000))
    await host.fetchOne(session, 0)
    const retryAfterMs = hostLimits.throttledRetryMsMax
    expect(await appendOne(host, 10)).toMatchObject({ retryAfterMs })
    expect(await host.fetchOne(session, 0)).toMatchObject({ retryAfterMs })
    host.engine.lifecycle.update(STREAM, settingsOf({ writeBytesPerSecond: 1_000_000 }))
    host.time.advance(retryAfterMs)
    expect(codeOf(await appendOne(host, 10))).toBe('stored')
  })
})

describe('limits of fetches', () => {
  it('refuse the shard whose bytes are used up, with the wait, and answer the others', async () => {
    const host = await limited({ readBytesPerSecond: 1000 })
    await host.fill(1, 2000)
    await host.fill(1, 10, 1)
    const { code, batches } = await host.fetchOne(session, 0)
    expect(code).toBe(0)
    const shards = [0, 1].map((shardIndex) => ({
      streamId: STREAM,
      shardIndex,
      sequenceNumber: 0,
      bytesMax: 10_000,
    }))
    const [first, second] = (await host.fetch(session, { shards, bytesMax: 10_000, waitMs: 30_000 })).shards
    expect(codeOf(first!)).toBe('provisionedThroughputExceeded')
    const retryAfterMs = batches[0]!.length - 1000 + 1
    expect(first).toMatchObject({ retryAfterMs, nextSequenceNumber: 0, batches: [], ended: false })
    expect(codeOf(second!)).toBe('stored')
    host.time.advance(retryAfterMs - 1)
    // The reader is behind, although it gets nothing.
    expect(await host.fetchOne(session, 0)).toMatchObject({
      code: errorCodes.provisionedThroughputExceeded.id,
      millisBehindLatest: retryAfterMs - 1,
    })
    host.time.advance(1)
    expect(codeOf(await host.fetchOne(session, 0))).toBe('stored')
  })

  it('are counted when they refuse', async () => {
    const host = await limited({ readsPerSecond: 1 })
    for (let i = 0; i < 3; i++) await host.fetchOne(session, 0)
    expect(host.counted.sum('millrace_throttled_reads_total')).toBe(2)
  })

  it('count one read for an answer with batches, and one for an empty answer', async () => {
    const host = await limited({ readsPerSecond: 5 })
    await host.fill(1)
    const codes: string[] = []
    for (let i = 0; i < 7; i++) codes.push(codeOf(await host.fetchOne(session, i % 2)))
    expect(codes).toEqual([
      ...Array.from({ length: 5 }, () => 'stored'),
      'provisionedThroughputExceeded',
      'provisionedThroughputExceeded',
    ])
  })

  it('count no read of a shard without records if another shard had some', async () => {
    const host = await limited({ readsPerSecond: 1 })
    const shards = [0, 1].map((shardIndex) => ({
      streamId: STREAM,
      shardIndex,
      sequenceNumber: 0,
      bytesMax: 10_000,
    }))
    await host.fill(1, 10, 1)
    for (let i = 0; i < 10; i++) {
      const answer = await host.fetch(session, { shards, bytesMax: 10_000, waitMs: 0 })
      expect(answer.shards.map(codeOf)).toEqual(['stored', 'stored'])
    }
  })

  it('apply between fetches that one session sent at once', async () => {
    const host = await limited({ readsPerSecond: 2 })
    await host.fill(1)
    const answers = await Promise.all(Array.from({ length: 6 }, () => host.fetchOne(session, 0)))
    expect(answers.filter(({ code }) => code === 0)).toHaveLength(2)
  })

  it('do not hold back the end of a closed shard', async () => {
    const host = await limited({ readsPerSecond: 1 })
    await host.fill(1)
    await host.engine.lifecycle.seal({ streamId: STREAM, shards: [{ shardIndex: 0, children: [2, 3] }] })
    expect(codeOf(await host.fetchOne(session, 0))).toBe('stored')
    expect(codeOf(await host.fetchOne(session, 0))).toBe('provisionedThroughputExceeded')
    expect(await host.fetchOne(session, 1)).toMatchObject({ code: 0, ended: true })
  })
})

describe('limits of registered consumers', () => {
  it('pace each consumer to its rate over time, and lose no record', async () => {
    const host = await limited({ subscriptionBytesPerSecond: 1000 })
    host.serveConsumers('one', 'two')
    await host.fill(20, 400)
    const other = new FakeSession()
    await host.subscribe(session, { consumer: 'one' })
    await host.subscribe(other, { consumer: 'two' })
    await rest()
    for (let seconds = 0; seconds < 12; seconds++) {
      for (const { pushedBytes } of [session, other]) {
        expect(pushedBytes).toBeGreaterThan(Math.min(seconds * 1000, 10_000) - 600)
        expect(pushedBytes).toBeLessThan(seconds * 1000 + 2100)
      }
      for (let i = 0; i < 100; i++) {
        host.time.advance(10)
        await rest(2)
      }
    }
    expect(session.pushed).toHaveLength(20)
    expect(other.pushed).toHaveLength(20)
  })

  it('wait with one timer and no other work, and leave no timer behind', async () => {
    const host = await limited({ subscriptionBytesPerSecond: 100 })
    host.serveConsumers('one')
    await host.fill(5, 1000)
    const before = host.time.timerCount
    await host.subscribe(session, { consumer: 'one' })
    await until(() => session.pushed.length === 1)
    await rest()
    expect(host.time.timerCount).toBe(before + 1)
    await host.append(producer, makeBatch(['more']))
    host.engine.events.credit({ subscriptionId: 1, bytes: 1 << 20 }, session)
    await rest()
    expect(session.pushed).toHaveLength(1)
    expect(host.time.timerCount).toBe(before + 1)
    await host.engine.handlers.unsubscribe({ subscriptionId: 1 }, session.context)
    expect(host.time.timerCount).toBe(before)
  })

  it('end within a second when the stream is no longer limited', async () => {
    const host = await limited({ subscriptionBytesPerSecond: 1 })
    host.serveConsumers('one')
    await host.fill(5, 1000)
    await host.subscribe(session, { consumer: 'one' })
    await until(() => session.pushed.length === 1)
    host.engine.lifecycle.update(STREAM, settingsOf({}))
    host.time.advance(1000)
    await until(() => session.pushed.length === 5)
  })

  it('pace reads of storage too, and send the end of a closed shard after the last batch', async () => {
    const host = await startTestHost({
      shards: [placedShard(0, { settings: settingsOf({ subscriptionBytesPerSecond: 1000 }) })],
      settings: { tailCacheBytes: 0 },
    })
    host.serveConsumers('one')
    await host.fill(4, 1000)
    await host.engine.lifecycle.seal({ streamId: STREAM, shards: [{ shardIndex: 0, children: [2, 3] }] })
    await host.subscribe(session, { consumer: 'one' })
    for (let i = 0; i < 60 && session.sent('subscriptionEnded').length === 0; i++) {
      await rest()
      expect(session.pushed.length).toBeLessThanOrEqual(2 + i / 10)
      host.time.advance(100)
    }
    expect(session.pushed).toHaveLength(4)
    expect(session.sent('subscriptionEnded')).toMatchObject([{ code: 0, nextSequenceNumber: 4 }])
  })
})
