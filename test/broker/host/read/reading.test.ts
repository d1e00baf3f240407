// Appends, seals, evictions, stalls and credit in any order: readers see every record once, in order, whole, within their
// bounds, and then the end of a closed shard. The host is compared with a model that has a list for each shard.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { limits } from '../../../../protocol/limits.ts'
import { FakeSession } from '../support/fake-session.ts'
import {
  at,
  codeOf,
  contents,
  makeBatch,
  placedShard,
  startTestHost,
  STREAM,
  type TestHost,
} from '../support/test-host.ts'
import { rest, until } from '../support/stepped-time.ts'

const SHARDS = 2

interface Follower {
  readonly session: FakeSession
  readonly shardIndex: number
  readonly from: number
  creditBytes: number
}

class Run {
  readonly host: TestHost
  /** The records of each shard, as `number:text`. */
  readonly model: string[][] = Array.from({ length: SHARDS }, () => [])
  readonly closed: boolean[] = Array.from({ length: SHARDS }, () => false)
  readonly followers: Follower[] = []
  readonly producer = new FakeSession()
  #lastText = 0

  constructor(host: TestHost) {
    this.host = host
  }

  async append(shardIndex: number, batches: readonly number[], dataBytes: number): Promise<void> {
    const records = this.model[shardIndex]!
    const expected = this.closed[shardIndex] ? 'shardClosed' : 'stored'
    const encoded = batches.map((recordCount) => {
      const texts = Array.from({ length: recordCount }, () => `${this.#lastText++}`)
      if (!this.closed[shardIndex]) for (const text of texts) records.push(`${records.length}:${text}`)
      return { shardIndex, batch: makeBatch(texts.map((text) => text.padEnd(dataBytes))) }
    })
    const { results } = await this.host.appendTo(this.producer, ...encoded)
    expect(results.map(codeOf)).toEqual(batches.map(() => expected))
  }

  /** Seals a shard, with an append before it in the same turn. */
  async seal(shardIndex: number): Promise<void> {
    const appended = this.append(shardIndex, [1], 10)
    this.closed[shardIndex] = true
    const shards = [{ shardIndex, children: [8, 9] }]
    const [extent] = await this.host.engine.lifecycle.seal({ streamId: STREAM, shards })
    expect(extent).toMatchObject({ closed: true, tail: this.model[shardIndex]!.length })
    await appended
  }

  /** Fetches every shard from a place; each answer must be the model's next records, whole and within bounds. */
  async fetch(places: readonly number[], bytesMax: number, shardBytesMax: number): Promise<void> {
    const shards = places.map((place, shardIndex) => ({
      streamId: STREAM,
      shardIndex,
      sequenceNumber: Math.floor(place * (this.model[shardIndex]!.length + 1)),
      bytesMax: shardBytesMax,
    }))
    const answer = await this.host.fetch(new FakeSession(), { shards, bytesMax, waitMs: 0 })
    const batchesInAll = answer.shards.flatMap(({ batches }) => batches)
    const bytesInAll = batchesInAll.reduce((sum, { length }) => sum + length, 0)
    expect(bytesInAll <= bytesMax || batchesInAll.length === 1).toBe(true)
    let isAnythingThere = false
    for (const [shardIndex, { batches, nextSequenceNumber, tail, ended }] of answer.shards.entries()) {
      const from = shards[shardIndex]!.sequenceNumber
      const records = this.model[shardIndex]!
      isAnythingThere ||= from < records.length
      expect(tail).toBe(records.length)
      expect(ended).toBe(this.closed[shardIndex] === true && nextSequenceNumber === tail)
      expect(contents(batches, from)).toEqual(records.slice(from, nextSequenceNumber))
      const bytes = batches.reduce((sum, { length }) => sum + length, 0)
      expect(bytes <= shardBytesMax || batches.length === 1).toBe(true)
    }
    expect(batchesInAll.length > 0).toBe(isAnythingThere)
  }

  async follow(shardIndex: number, place: number, creditBytes: number): Promise<void> {
    const from = Math.floor(place * (this.model[shardIndex]!.length + 1))
    const session = new FakeSession()
    await this.host.subscribe(session, { shardIndex, position: at('AT_SEQUENCE_NUMBER', from), creditBytes })
    this.followers.push({ session, shardIndex, from, creditBytes })
  }

  give(which: number, bytes: number): void {
    const follower = this.followers[which % Math.max(1, this.followers.length)]
    if (!follower) return
    this.host.engine.events.credit({ subscriptionId: 1, bytes }, follower.session)
    follower.creditBytes += bytes
  }

  stall(which: number, stalled: boolean): void {
    const session = this.followers[which % Math.max(1, this.followers.length)]?.session
    if (!session) return
    if (stalled) session.stalled = true
    else session.drain()
  }

  /** Checks, at any moment, that a follower has the model's records from its start, in order, within its credit. */
  check(): void {
    for (const { session, shardIndex, from, creditBytes } of this.followers) {
      const seen = contents(session.pushed, from)
      expect(seen).toEqual(this.model[shardIndex]!.slice(from, from + seen.length))
      const last = session.pushed.at(-1)?.length ?? 0
      expect(session.pushedBytes - last).toBeLessThanOrEqual(creditBytes)
      const tail = this.model[shardIndex]!.length
      for (const end of session.sent('subscriptionEnded')) {
        expect({ ...end, closed: this.closed[shardIndex], next: from + seen.length }).toMatchObject({
          code: 0,
          nextSequenceNumber: tail,
          closed: true,
          next: tail,
        })
      }
    }
  }

  /** Checks that with full credit every follower gets every record, and the end of its sealed shard once. */
  async finish(): Promise<void> {
    for (const [which, { session, shardIndex, from }] of this.followers.entries()) {
      const all = this.model[shardIndex]!.length - from
      session.drain()
      this.give(which, limits.subscriptionCreditBytesMax)
      await until(() => contents(session.pushed, from).length >= all, 'a follower that has everything')
    }
    for (let shardIndex = 0; shardIndex < SHARDS; shardIndex++) {
      if (!this.closed[shardIndex]) await this.seal(shardIndex)
    }
    for (const { session } of this.followers) {
      await until(() => session.sent('subscriptionEnded').length > 0, 'a follower that is told of the end')
    }
    await rest(2)
    this.check()
    for (const { session } of this.followers) expect(session.sent('subscriptionEnded')).toHaveLength(1)
  }
}

const shardIndex = fc.nat(SHARDS - 1)
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      shardIndex,
      batches: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
      dataBytes: fc.integer({ min: 1, max: 2000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fetch' as const),
      places: fc.tuple(place, place),
      bytesMax: fc.nat(8000),
      shardBytesMax: fc.nat(8000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('follow' as const),
      shardIndex,
      place,
      creditBytes: fc.nat(6000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('give' as const), which: fc.nat(9), bytes: fc.nat(6000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('stall' as const), which: fc.nat(9), stalled: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('seal' as const), shardIndex }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('roll' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
)

it('readers: see every record once, in order, within their bounds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(30_000), fc.array(step, { maxLength: 40 }), async (tailCacheBytes, steps) => {
      const shards = Array.from({ length: SHARDS }, (_, index) => placedShard(index))
      const run = new Run(await startTestHost({ shards, settings: { tailCacheBytes } }))
      for (const next of steps) {
        if (next.do === 'append') await run.append(next.shardIndex, next.batches, next.dataBytes)
        else if (next.do === 'fetch') await run.fetch(next.places, next.bytesMax, next.shardBytesMax)
        else if (next.do === 'follow') await run.follow(next.shardIndex, next.place, next.creditBytes)
        else if (next.do === 'give') run.give(next.which, next.bytes)
        else if (next.do === 'stall') run.stall(next.which, next.stalled)
        else if (next.do === 'seal') await run.seal(next.shardIndex)
        else if (next.do === 'roll') run.host.owner.roll()
        else await rest(1)
        run.check()
      }
      await run.finish()
      expect(run.host.broken).toEqual([])
    }),
    { numRuns: 150 },
  )
})
