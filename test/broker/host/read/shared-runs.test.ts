// What several read at the same place is read once: in memory within a turn, in storage while somebody waits for it.
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { SharedReplies } from '../../../../broker/host/read/shared-replies.ts'
import { SharedRuns, suits } from '../../../../broker/host/read/shared-runs.ts'
import type { BatchRun, Room } from '../../../../broker/host/tail/batch-run.ts'
import { fits } from '../../../../broker/host/tail/batch-run.ts'
import type { ReadReply } from '../../../../broker/threads/reader-contract.ts'
import { FakeSession } from '../support/fake-session.ts'
import { contents, makeBatch, startTestHost, type TestHost } from '../support/test-host.ts'
import { rest, until } from '../support/stepped-time.ts'

/** A shard of batches with these lengths, of one record each; it counts its reads. */
class CountedShard {
  reads = 0
  readonly #lengths: readonly number[]

  constructor(lengths: readonly number[]) {
    this.#lengths = lengths
  }

  get tail(): number {
    return this.#lengths.length
  }

  readonly cached = {
    read: (from: number, room: Room): BatchRun => {
      this.reads++
      const batches: Uint8Array[] = []
      let bytes = 0
      for (const length of this.#lengths.slice(from)) {
        if (!fits(room, bytes, length)) break
        batches.push(new Uint8Array(length))
        bytes += length
      }
      return { batches, bytes, next: from + batches.length, arrivalTime: 1 }
    },
  }
}

describe('shared runs', () => {
  it('are read once a turn for all at the same place, and again in the next', () => {
    const tasks: (() => void)[] = []
    const runs = new SharedRuns((task) => tasks.push(task))
    const shard = new CountedShard([10, 20, 30])
    const room = { bytes: 1000, firstBytes: Infinity }
    const first = runs.read(shard, 1, room)
    for (let i = 0; i < 19; i++) expect(runs.read(shard, 1, { ...room, bytes: 500 + i })).toBe(first)
    expect(shard.reads).toBe(1)
    expect(runs.read(shard, 0, room)?.next).toBe(3)
    for (const task of tasks.splice(0)) task()
    expect(runs.read(shard, 1, room)).not.toBe(first)
    expect(tasks).toHaveLength(1)
  })

  it('always fit, begin where they were asked for, and hold half of what they might, at least', () => {
    const rooms = fc.record({
      bytes: fc.integer({ min: 0, max: 200 }),
      firstBytes: fc.constantFrom(0, 50, Infinity),
    })
    const asked = fc.array(fc.tuple(fc.nat(12), rooms), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 12 }),
        asked,
        (lengths, requests) => {
          const runs = new SharedRuns(() => {})
          for (const [from, room] of requests) {
            const alone = new CountedShard(lengths).cached.read(from, room)
            const run = runs.read(new CountedShard(lengths), from, room)!
            expect(run.next).toBe(from + run.batches.length)
            expect(run.batches.length > 0).toBe(alone.batches.length > 0)
          }
          const shard = new CountedShard(lengths)
          for (const [from, room] of requests) {
            const alone = new CountedShard(lengths).cached.read(from, room)
            const run = runs.read(shard, from, room)!
            expect(run.next).toBe(from + run.batches.length)
            expect(run.batches.length > 0).toBe(alone.batches.length > 0)
            if (run.batches.length > 1) expect(run.bytes).toBeLessThanOrEqual(room.bytes)
            else expect(run.batches.length === 0 || fits(room, 0, run.bytes)).toBe(true)
            expect(run.next === shard.tail || run.bytes * 2 >= Math.min(room.bytes, alone.bytes)).toBe(true)
          }
        },
      ),
    )
  })

  it('suit nobody whose room they exceed', () => {
    const run = { batches: [new Uint8Array(5), new Uint8Array(5)], bytes: 10, next: 2, arrivalTime: 1 }
    expect(suits(run, { bytes: 9, firstBytes: Infinity }, 2)).toBe(false)
    expect(suits(run, { bytes: 10, firstBytes: Infinity }, 9)).toBe(true)
    expect(suits(run, { bytes: 21, firstBytes: Infinity }, 9)).toBe(false)
    expect(suits(run, { bytes: 21, firstBytes: Infinity }, 2)).toBe(true)
  })
})

describe('shared replies', () => {
  const replyOf = (next: number): ReadReply => ({
    buffer: new ArrayBuffer(0),
    lengths: new Uint32Array(0),
    next,
  })
  const place = { slot: 1, from: 0 }
  const all = () => true

  it('of one read go to all who wait for the same place, and to nobody later', async () => {
    const replies = new SharedReplies()
    let reads = 0
    const ask = (bytesMax = 100) =>
      replies.share(place, async (read) => {
        await rest(Math.floor(bytesMax / 50))
        return read(bytesMax, () => Promise.resolve(replyOf(++reads)), all)
      })
    const answers = await Promise.all([ask(), ask(), ask(150), ask(199)])
    expect(answers.map(({ next }) => next)).toEqual([1, 1, 1, 1])
    expect((await ask()).next).toBe(2)
    await Promise.all([ask(), ask(1000)])
    expect(reads).toBe(4)
    await Promise.all([
      ask(100),
      replies.share({ slot: 2, from: 0 }, (read) => read(100, () => Promise.resolve(replyOf(++reads)), all)),
    ])
    expect(reads).toBe(6)
  })

  it('that fail, or are not good, are not given to others: they read for themselves', async () => {
    const replies = new SharedReplies()
    const outcomes = [
      Promise.reject(new Error('gone')),
      Promise.resolve(replyOf(0)),
      Promise.resolve(replyOf(7)),
    ]
    for (const outcome of outcomes) outcome.catch(() => {})
    let reads = 0
    const ask = (turns: number) =>
      replies.share(place, async (read) => {
        await rest(turns)
        return read(
          100,
          () => outcomes[reads++]!,
          ({ next }) => next > 0,
        )
      })
    const [first, second, third, fourth] = await Promise.allSettled([ask(0), ask(0), ask(5), ask(9)])
    expect(first.status).toBe('rejected')
    expect([second, third].map((each) => (each as { value: ReadReply }).value.next)).toEqual([0, 7])
    expect((fourth as { value: ReadReply }).value.next).toBe(7)
  })
})

describe('twenty subscriptions', () => {
  let host: TestHost
  const sessions = () => Array.from({ length: 20 }, () => new FakeSession())
  const cold = { settings: { tailCacheBytes: 0, readerThreads: 1 } }
  beforeEach(async () => {
    host = await startTestHost(cold)
  })

  it('that replay from storage are served by one read of each place', async () => {
    for (let i = 0; i < 30; i++) await host.append(new FakeSession(), makeBatch([`${i}`.padEnd(200_000)]))
    const readers = sessions()
    await Promise.all(readers.map((session) => host.subscribe(session, { creditBytes: 1 << 26 })))
    await until(() => readers.every((session) => session.pushed.length === 30))
    for (const session of readers) {
      expect(contents(session.pushed)).toEqual(Array.from({ length: 30 }, (_, i) => `${i}:${i}`))
    }
    // 6 MB in deliveries of 1 MiB are some six places.
    expect(host.reader.reads).toBeLessThan(3 * 7)
  })
})
