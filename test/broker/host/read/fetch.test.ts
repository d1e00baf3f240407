// Fetch: what is answered at once, what waits, and the bounds of both.
import { beforeEach, describe, expect, it } from 'vitest'
import { sessionLimits } from '../../../../broker/server/admission.ts'
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

let session: FakeSession
beforeEach(() => {
  session = new FakeSession()
})

const want = (shardIndex: number, sequenceNumber: number, bytesMax = 1 << 20) => ({
  streamId: STREAM,
  shardIndex,
  sequenceNumber,
  bytesMax,
})

/** Returns true if the promise has not settled. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol()
  await rest()
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending
}

const counts = (shards: readonly { batches: readonly unknown[] }[]) =>
  shards.map(({ batches }) => batches.length)

/** Settings without a tail cache, so that every read goes to storage. */
const cold = { settings: { tailCacheBytes: 0 } }

describe('fetch', () => {
  it('answers whole batches, the number to go on from, and the extent of the shard', async () => {
    const host = await startTestHost()
    await host.append(session, makeBatch(['a', 'b']), makeBatch(['c']))
    const answer = await host.fetchOne(session, 1)
    expect(contents(answer.batches, 1)).toEqual(['1:b', '2:c'])
    expect(answer).toMatchObject({
      code: 0,
      nextSequenceNumber: 3,
      trimHorizon: 0,
      tail: 3,
      millisBehindLatest: 0,
      ended: false,
    })
    expect(host.reader.reads).toBe(0)
  })

  it('reads batches from storage that are no longer in memory', async () => {
    const host = await startTestHost(cold)
    await host.fill(5)
    expect(contents((await host.fetchOne(session, 2)).batches)).toEqual([
      '2:record 2',
      '3:record 3',
      '4:record 4',
    ])
    expect(host.reader.reads).toBe(1)
  })

  it('refuses a number below the horizon, a number above the tail, and a shard that is not served', async () => {
    const host = await startTestHost({ shards: [placedShard(0, { startingSequenceNumber: 100 })] })
    const { shards } = await host.fetch(session, {
      shards: [want(0, 99), want(0, 101), want(5, 0), want(0, 100)],
      bytesMax: 1000,
      waitMs: 30_000,
    })
    expect(shards.map(codeOf)).toEqual(['trimmed', 'invalidPosition', 'shardNotFound', 'stored'])
  })

  it('answers the age of the last record that it read, while more follows', async () => {
    const host = await startTestHost()
    await host.fill(1)
    host.time.advance(5000)
    await host.fill(1)
    expect(await host.fetchOne(session, 0, { bytesMax: 1 })).toMatchObject({ millisBehindLatest: 5000 })
    expect(await host.fetchOne(session, 1, { bytesMax: 1 })).toMatchObject({ millisBehindLatest: 0 })
  })

  it('answers a request without shards at once', async () => {
    const host = await startTestHost()
    expect(await host.fetch(session, { shards: [], bytesMax: 1, waitMs: 30_000 })).toEqual({
      shards: [],
      time: host.time.now(),
    })
  })
})

describe('byte bounds', () => {
  async function twoShards(): Promise<TestHost> {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    for (let i = 0; i < 5; i++) {
      for (const shardIndex of [0, 1]) {
        await host.appendTo(session, { shardIndex, batch: makeBatch([`${i}`.padEnd(888)]) })
      }
    }
    return host // each batch has 1000 bytes
  }
  it('apply to each shard, and to all together', async () => {
    const host = await twoShards()
    const fetch = async (one: number, two: number, bytesMax: number) =>
      counts(
        (await host.fetch(session, { shards: [want(0, 0, one), want(1, 0, two)], bytesMax, waitMs: 0 }))
          .shards,
      )
    expect((await host.fetchOne(session, 0)).batches[0]!.length).toBe(1000)
    expect(await fetch(2500, 1000, 100_000)).toEqual([2, 1])
    expect((await fetch(100_000, 100_000, 6999)).reduce((sum, count) => sum + count)).toBe(6)
  })

  it('let one batch of any size through, and only one', async () => {
    const host = await twoShards()
    const { shards } = await host.fetch(session, { shards: [want(0, 0), want(1, 0)], bytesMax: 1, waitMs: 0 })
    expect(counts(shards)).toEqual(expect.arrayContaining([0, 1]))
    expect(await host.fetchOne(session, 0, { bytesMax: 0 })).toMatchObject({ nextSequenceNumber: 1 })
  })

  it('let one batch of a shard through if the answer has room for it', async () => {
    const host = await twoShards()
    const { shards } = await host.fetch(session, {
      shards: [want(0, 0, 10), want(1, 0, 10)],
      bytesMax: 2000,
      waitMs: 0,
    })
    expect(counts(shards)).toEqual([1, 1])
  })

  it('starve no shard, even if fetches alternate in a pattern', async () => {
    const host = await twoShards()
    const first = [0, 0]
    for (let i = 0; i < 100; i++) {
      const shards = [want(0, 0), want(1, 0)]
      const answer = await host.fetch(session, { shards, bytesMax: 1, waitMs: 0 })
      await host.fetch(session, { shards, bytesMax: 1, waitMs: 0 })
      first[counts(answer.shards).indexOf(1)]!++
    }
    expect(Math.min(...first)).toBeGreaterThan(40)
  })

  it('apply to reads from storage too', async () => {
    const host = await startTestHost({ ...cold, shards: [placedShard(0), placedShard(1)] })
    await host.fill(5, 883)
    await host.fill(5, 883, 1)
    const { shards } = await host.fetch(session, {
      shards: [want(0, 0, 2500), want(1, 0)],
      bytesMax: 2900,
      waitMs: 0,
    })
    const taken = counts(shards)
    expect(taken.reduce((sum, count) => sum + count)).toBe(2)
    for (const [index, shard] of shards.entries()) expect(shard.nextSequenceNumber).toBe(taken[index])
  })

  it('leave a batch without room to the next fetch, and do not take it for damage, from storage too', async () => {
    const host = await startTestHost({ ...cold, shards: [placedShard(0), placedShard(1)] })
    await host.fill(3, 883)
    await host.fill(3, 883, 1)
    const next = [0, 0]
    for (let fetches = 0; fetches < 6; fetches++) {
      const shards = [want(0, next[0]!), want(1, next[1]!)]
      const answer = await host.fetch(session, { shards, bytesMax: 1500, waitMs: 0 })
      expect(answer.shards.map(codeOf)).toEqual(['stored', 'stored'])
      for (const [index, shard] of answer.shards.entries()) next[index] = shard.nextSequenceNumber
    }
    expect(next).toEqual([3, 3])
  })
})

describe('waiting', () => {
  it('ends with the first record of any of the shards, within the turn of its acknowledgement', async () => {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    const fetch = host.fetch(session, { shards: [want(0, 0), want(1, 0)], bytesMax: 1000, waitMs: 30_000 })
    expect(await isPending(fetch)).toBe(true)
    await host.appendTo(new FakeSession(), { shardIndex: 1, batch: makeBatch(['a']) })
    const { shards } = await fetch
    expect(shards.map(({ batches }) => contents(batches))).toEqual([[], ['0:a']])
    expect(host.time.timerCount).toBe(1) // the heartbeats'
  })

  it('ends without records when its time is over', async () => {
    const host = await startTestHost()
    const fetch = host.fetchOne(session, 0, { waitMs: 1000 })
    await rest()
    host.time.advance(999)
    expect(await isPending(fetch)).toBe(true)
    host.time.advance(1)
    expect(await fetch).toMatchObject({ code: 0, batches: [], nextSequenceNumber: 0, tail: 0 })
  })

  it('misses no record that is flushed between its read and its wait', async () => {
    for (let microtasks = 0; microtasks < 40; microtasks++) {
      const host = await startTestHost()
      let flush = (): void => {}
      host.owner.beforeFlush = () =>
        new Promise((resolve) => {
          flush = resolve
        })
      const append = host.append(new FakeSession(), makeBatch(['a']))
      await until(() => host.owner.groupSizes.length === 1)
      flush()
      for (let i = 0; i < microtasks; i++) await Promise.resolve()
      const fetch = host.fetchOne(session, 0, { waitMs: 30_000 })
      await append
      expect(await isPending(fetch)).toBe(false)
    }
  })

  it('does not happen for answers with news', async () => {
    const host = await startTestHost()
    expect(await host.fetchOne(session, 0, { waitMs: 0 })).toMatchObject({ batches: [] })
  })

  it('ends when its session does, and leaves nothing behind', async () => {
    const host = await startTestHost()
    const fetch = host.fetchOne(session, 0, { waitMs: 30_000 })
    await until(() => host.time.timerCount === 2)
    expect(await host.measured('millrace_waiting_fetches')).toBe(1)
    session.leave()
    await fetch
    expect(host.time.timerCount).toBe(1)
    expect(await host.measured('millrace_waiting_fetches')).toBe(0)
  })

  it('ends with shardNotFound when the stream is deleted', async () => {
    const host = await startTestHost()
    const fetch = host.fetchOne(session, 0, { waitMs: 30_000 })
    await rest()
    await host.dropStream()
    expect(codeOf(await fetch)).toBe('shardNotFound')
  })

  it('ends when the host drains', async () => {
    const host = await startTestHost()
    const fetch = host.fetchOne(session, 0, { waitMs: 30_000 })
    await rest()
    host.engine.quiesce()
    expect(await fetch).toMatchObject({ code: 0, batches: [] })
  })

  it('takes one object and one timer for any number of shards', async () => {
    const shards = Array.from({ length: 500 }, (_, index) => placedShard(index))
    const host = await startTestHost({ shards })
    const fetch = host.fetch(session, {
      shards: shards.map((_, i) => want(i, 0)),
      bytesMax: 1000,
      waitMs: 1000,
    })
    await rest()
    expect(host.time.timerCount).toBe(2)
    await host.appendTo(new FakeSession(), { shardIndex: 321, batch: makeBatch(['a']) })
    expect((await fetch).shards[321]).toMatchObject({ nextSequenceNumber: 1 })
  })
})

describe('a client that does not read its answers', () => {
  it('gets no more answers than its connection can hold, and the rest when it has read', async () => {
    const host = await startTestHost()
    const large = makeBatch(['x'.repeat(900_000)])
    for (let i = 0; i < 4; i++) await host.append(new FakeSession(), large.slice())
    let answered = 0
    const fetches = Array.from({ length: 20 }, async () => {
      const { batches } = await host.fetchOne(session, 0, { bytesMax: 1 << 23 })
      answered++
      session.queuedBytes += batches.reduce((sum, { length }) => sum + length, 0)
    })
    await rest(30)
    // One answer more than fits, because the mark was not reached before it.
    expect(answered).toBe(Math.floor(sessionLimits.highWaterBytes / (4 * 900_000)) + 1)
    while (answered < 20) {
      session.drain()
      await rest()
    }
    await Promise.all(fetches)
  })

  it('is measured by the mark of its own session', async () => {
    const host = await startTestHost()
    await host.append(new FakeSession(), makeBatch(['a']))
    session.highWaterBytes = 10
    session.queuedBytes = 11
    let answered = false
    const fetch = host.fetchOne(session, 0).then(() => {
      answered = true
    })
    await rest()
    expect(answered).toBe(false)
    session.drain()
    await fetch
  })
})

describe('failing reads of storage', () => {
  it('answer corruptData, after the sound records before the damage', async () => {
    const host = await startTestHost(cold)
    await host.fill(4)
    host.reader.corruptFrom = 2
    const first = await host.fetchOne(session, 0)
    expect(contents(first.batches)).toEqual(['0:record 0', '1:record 1'])
    const refused = await host.fetchOne(session, first.nextSequenceNumber)
    expect(codeOf(refused)).toBe('corruptData')
    expect(refused.damage).toMatchObject({ firstSequenceNumber: 2, nextSequenceNumber: 3 })
  })

  it('report damage only in the fetch that has room for the sound records before it', async () => {
    const host = await startTestHost({ ...cold, shards: [placedShard(0), placedShard(1)] })
    await host.fill(2, 883)
    await host.fill(2, 883, 1)
    host.reader.corruptFrom = 1
    const shards = [want(0, 0), want(1, 0)]
    const answer = await host.fetch(session, { shards, bytesMax: 1500, waitMs: 0 })
    expect(answer.shards.map(codeOf)).toEqual(['stored', 'stored'])
    expect(counts(answer.shards).toSorted((a, b) => a - b)).toEqual([0, 1])
  })

  it('give the number after damaged records, from which a fetch goes on', async () => {
    const host = await startTestHost(cold)
    await host.fill(4)
    host.reader.corruptFrom = 1
    host.reader.corruptUntil = 2
    const { damage } = await host.fetchOne(session, 1)
    expect(damage).toMatchObject({ firstSequenceNumber: 1, nextSequenceNumber: 2 })
    const rest = await host.fetchOne(session, damage!.nextSequenceNumber)
    expect(contents(rest.batches)).toEqual(['2:record 2', '3:record 3'])
  })

  it('answer corruptData once if records are missing, without an endless loop', async () => {
    const host = await startTestHost(cold)
    await host.fill(4)
    host.owner.shards.get(1)!.batches = []
    const refused = await host.fetchOne(session, 0, { waitMs: 30_000 })
    expect(codeOf(refused)).toBe('corruptData')
    expect(refused.damage).toMatchObject({ firstSequenceNumber: 0, nextSequenceNumber: 4 })
    expect(host.reader.reads).toBe(1)
  })

  it('are repeated when segments were rolled meanwhile', async () => {
    const host = await startTestHost(cold)
    await host.fill(2)
    let failures = 0
    host.reader.beforeRead = async () => {
      if (failures++ > 0) return
      host.owner.roll()
      await rest(2)
      throw new Error('that segment is gone')
    }
    expect(contents((await host.fetchOne(session, 0)).batches)).toEqual(['0:record 0', '1:record 1'])
  })

  it('answer internal for an unexpected error, for that shard alone', async () => {
    const host = await startTestHost({ ...cold, shards: [placedShard(0), placedShard(1)] })
    await host.fill(1)
    host.reader.beforeRead = () => Promise.reject(new Error('the disk is on fire'))
    const { shards } = await host.fetch(session, {
      shards: [want(0, 0), want(1, 0)],
      bytesMax: 1000,
      waitMs: 30_000,
    })
    expect(shards.map(codeOf)).toEqual(['internal', 'stored'])
  })

  it('reads of several sessions take turns, a bounded number at a time', async () => {
    const host = await startTestHost(cold)
    await host.fill(50)
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    host.reader.beforeRead = () => released
    const order: string[] = []
    const other = new FakeSession()
    const fetches = Array.from({ length: 10 }, (_, i) => [
      host.fetchOne(session, i).then(() => order.push('one')),
      // At other places: what both ask for is read once.
      host.fetchOne(other, 10 + i).then(() => order.push('other')),
    ])
    await rest()
    expect(host.reader.running).toBe(2)
    release()
    await Promise.all(fetches.flat())
    expect(host.reader.runningMost).toBe(2)
    expect(order.slice(0, 10).filter((who) => who === 'one').length).toBe(5)
  })
})
