// Any sequence of appends, rolls, trims, drops, compactions, deletions and restarts, against a model that is an array
// of values per shard. From the trim horizon on, every read and every search by time returns what the model holds, and
// the integrity check finds nothing wrong.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { baseSequenceNumberAt } from '../../../../protocol/batch/batch.ts'
import { inlineSegmentMaintenance } from '../../../../broker/storage/segment-maintenance.ts'
import { inlineSegmentReader } from '../../../../broker/storage/segment-reader.ts'
import { createProgress } from '../../../../broker/threads/compaction-progress.ts'
import type { SegmentList } from '../../../../broker/threads/owner-contract.ts'
import { StorageFixture, valuesIn, type TestOwner } from '../../../support/disk/storage.ts'

const SLOTS = [1, 2, 3]
const NO_LIMIT = 1e12

interface ModelBatch {
  readonly base: number
  readonly arrival: number
}

/** The expected content of one shard. */
class ModelShard {
  readonly values: string[] = []
  readonly batches: ModelBatch[] = []
  trimHorizon = 0
  isForgotten = false

  get tail(): number {
    return this.values.length
  }

  /** The expected values from a number on. */
  from(number: number): string[] {
    return this.values.slice(number).map((value, i) => `${number + i}=${value}`)
  }

  /** The first expected batch that arrived at `timestamp` or later and is not trimmed. */
  seek(timestamp: number): ModelBatch {
    const found = this.batches.find(({ arrival }) => arrival >= timestamp)
    return found ?? { base: this.tail, arrival: 0 }
  }
}

type Step =
  | { do: 'append'; slot: number; count: number; bytes: number; after: number }
  | { do: 'roll' }
  | { do: 'trim'; slot: number; part: number }
  | { do: 'drop' }
  | { do: 'compact'; at: number; count: number }
  | { do: 'forget'; slot: number }
  | { do: 'restart' }

const slot = fc.constantFrom(...SLOTS)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 16,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      slot,
      count: fc.integer({ min: 1, max: 3 }),
      bytes: fc.constantFrom(10, 3000, 40_000),
      after: fc.constantFrom(0, 1, 400, 1100),
    }),
  },
  { weight: 10, arbitrary: fc.constant({ do: 'roll' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('trim' as const),
      slot,
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'drop' as const }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('compact' as const),
      at: fc.nat(20),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), slot }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
)

/** Storage and its model. */
class Run {
  readonly #storage: StorageFixture
  readonly #shards = new Map(SLOTS.map((number) => [number, new ModelShard()]))
  readonly #maintenance = inlineSegmentMaintenance()
  readonly #reader = inlineSegmentReader({ environmentsMax: 4 })
  #owner!: TestOwner
  #now = 1000

  constructor(directory: string) {
    this.#storage = new StorageFixture(directory)
  }

  async open(): Promise<void> {
    this.#owner = await this.#storage.openOwner({ segmentBytes: 1 << 20, now: () => this.#now })
    // Slots of deleted streams are never used again.
    const slots = SLOTS.filter((number) => !this.#shards.get(number)!.isForgotten)
    for (const { slot: number, trimHorizon, tail } of await this.#owner.open(...slots)) {
      const shard = this.#shards.get(number)!
      expect({ trimHorizon, tail }).toEqual({ trimHorizon: shard.trimHorizon, tail: shard.tail })
    }
  }

  async end(): Promise<void> {
    await this.#reader.close()
    await this.#maintenance.close()
    await this.#storage.closeOwners()
    expect((await this.#storage.check()).problems).toEqual([])
  }

  async take(next: Step): Promise<void> {
    switch (next.do) {
      case 'append':
        return this.#append(next)
      case 'roll':
        return void (await this.#owner.roll())
      case 'trim':
        return this.#trim(next)
      case 'drop':
        return this.#drop()
      case 'compact':
        return this.#compact(next)
      case 'forget':
        this.#shards.get(next.slot)!.isForgotten = true
        return this.#owner.forget(next.slot)
      case 'restart':
        await this.#storage.closeOwners()
        return this.open()
    }
  }

  async #append({ slot: number, count, bytes, after }: Extract<Step, { do: 'append' }>): Promise<void> {
    const shard = this.#shards.get(number)!
    if (shard.isForgotten) return
    this.#now += after
    const values = Array.from({ length: count }, (_, i) => `${number}:${shard.tail + i}`.padEnd(bytes, '.'))
    const { code, base, arrival } = await this.#owner.put(number, values)
    expect({ code, base }).toEqual({ code: 'stored', base: shard.tail })
    shard.batches.push({ base, arrival })
    shard.values.push(...values)
  }

  async #trim({ slot: number, part }: Extract<Step, { do: 'trim' }>): Promise<void> {
    const shard = this.#shards.get(number)!
    if (shard.isForgotten) return
    const { trimHorizon, tail } = shard
    shard.trimHorizon += Math.round((tail - trimHorizon) * part)
    await this.#owner.trim(number, shard.trimHorizon)
  }

  /** Drops the oldest sealed segments while they hold nothing wanted. */
  async #drop(): Promise<void> {
    const { shards, list } = await this.#owner.wanted()
    const horizons = new Map(shards.map(({ slot: number, trimHorizon }) => [number, trimHorizon]))
    for (const segment of list.segments.slice(0, -1)) {
      const { spans } = await this.#maintenance.survey({ directory: list.directory, segment })
      const isWanted = spans.some(
        ({ slot: number, next, bytes }) => bytes > 0 && next > (horizons.get(number) ?? Infinity),
      )
      if (!isWanted) await this.#owner.replace([segment], null)
    }
  }

  async #compact({ at, count }: Extract<Step, { do: 'compact' }>): Promise<void> {
    const { shards, list } = await this.#owner.wanted()
    const sealed = list.segments.slice(0, -1)
    const sources = sealed.slice(at % Math.max(1, sealed.length)).slice(0, count)
    if (sources.length === 0) return
    const progress = createProgress()
    const task = {
      directory: list.directory,
      ownerId: 0,
      sources,
      shards,
      bytesPerSecond: NO_LIMIT,
      progress,
    }
    const { target, fileBytes, batches } = await this.#maintenance.compact(task)
    await this.#owner.replace(sources, target)
    const survey = await this.#maintenance.survey({ directory: list.directory, segment: target })
    expect(survey).toMatchObject({ segment: target, fileBytes })
    expect(batches === 0).toBe(survey.spans.every(({ bytes }) => bytes === 0))
    await this.#checkStale(list)
  }

  /** A reader with the earlier list reads the same values, or fails; it is never told of damage. */
  async #checkStale(list: SegmentList): Promise<void> {
    const reader = inlineSegmentReader()
    for (const [number, { isForgotten, trimHorizon, tail }] of this.#shards) {
      if (isForgotten) continue
      const read = { list, slot: number, from: trimHorizon, until: tail, bytesMax: 1 << 24 }
      const reply = await reader.read(read).catch(() => undefined)
      expect(reply?.damage).toBeUndefined()
      if (reply !== undefined)
        expect(valuesIn(reply, trimHorizon)).toEqual(this.#shards.get(number)!.from(trimHorizon))
    }
    await reader.close()
  }

  async check(): Promise<void> {
    for (const [number, shard] of this.#shards) {
      if (shard.isForgotten) continue
      const { trimHorizon, tail } = shard
      for (let from = trimHorizon; from < tail; from += 1 + Math.floor((tail - trimHorizon) / 4)) {
        expect(await this.#read(number, from, tail)).toEqual(shard.from(from))
      }
      await this.#checkTimes(number, shard)
    }
  }

  async #read(number: number, from: number, until: number): Promise<string[]> {
    const values: string[] = []
    for (let next = from; next < until;) {
      const { list } = this.#owner
      const reply = await this.#reader.read({ list, slot: number, from: next, until, bytesMax: 50_000 })
      expect(reply.damage).toBeUndefined()
      expect(reply.next).toBeGreaterThan(next)
      const first = baseSequenceNumberAt(new Uint8Array(reply.buffer), 0)
      expect(first).toBeLessThanOrEqual(next)
      values.push(...valuesIn(reply, next))
      next = reply.next
    }
    return values
  }

  async #checkTimes(number: number, shard: ModelShard): Promise<void> {
    const { trimHorizon, tail } = shard
    const live = shard.batches.filter(
      ({ base }, i) => (shard.batches[i + 1]?.base ?? tail) > trimHorizon || base >= tail,
    )
    for (const timestamp of live.flatMap(({ arrival }) => [arrival, arrival + 1])) {
      const reply = await this.#reader.seek({ list: this.#owner.list, slot: number, timestamp, until: tail })
      const expected = shard.seek(timestamp)
      expect(Math.max(reply.sequenceNumber, trimHorizon)).toBe(Math.max(expected.base, trimHorizon))
      if (expected.base >= trimHorizon) expect(reply.arrivalTime).toBe(expected.arrival)
    }
  }
}

test('storage: reads and searches return what was appended, whatever is trimmed, dropped and compacted', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), async (steps) => {
      const directory = await mkdtemp(join(tmpdir(), 'millrace-compaction-'))
      try {
        const run = new Run(directory)
        await run.open()
        for (const next of steps) {
          await run.take(next)
          if (next.do !== 'append') await run.check()
        }
        await run.check()
        await run.end()
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    }),
    { numRuns: 12 },
  )
})
