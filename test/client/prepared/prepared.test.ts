// The promise of prepared appends under every schedule of trouble: their program is killed at any step, appends are lost, done late
// or refused, shards are split and merged, the broker forgets producers; and each record is stored once, those of a key in order.
// The broker is a model that keeps the documented rules. The program is one that keeps what a real one would have on its disk.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect } from '../../../client/index.ts'
import { compareHashKeys, mergeRanges, openWithoutKeys } from '../../../protocol/index.ts'
import { Journal, PreparedProgram } from './support/prepared-program.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import type { Disturbance } from '../support/disturbance.ts'
import { FakeBroker } from '../support/fake-broker.ts'
import type { FakeShard } from '../support/fake-shard.ts'

const KEYS = ['ada', 'bob', 'cyd', 'dee', 'eve', 'fay']
const SILENCE_MS = 20 * 60_000

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const troubles = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Disturbance>('none') },
  { weight: 3, arbitrary: fc.constantFrom<Disturbance>('lostBefore', 'lostAfter', 'lingers', 'hangs') },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('overloaded', 'unavailable', 'internal', 'outcomeUnknown' as const)
      .map((refuse): Disturbance => ({ refuse })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          'storageFull',
          'provisionedThroughputExceeded',
          'outcomeUnknown',
          'shardNotFound' as const,
        ),
        fc.integer({ min: 0, max: 2 }),
        fc.boolean(),
      )
      .map(([code, at, stores]): Disturbance => ({
        refuseBatch: (place) => (place >= at ? code : undefined),
        stores: stores && code === 'outcomeUnknown',
      })),
  },
)

/** One life of the program: what goes wrong in it, and where it is killed. */
const lives = fc.record({
  troubles: fc.array(
    fc.record({
      disturbance: troubles,
      reshards: fc.constantFrom(undefined, undefined, undefined, 'split', 'merge' as const),
    }),
    { maxLength: 8 },
  ),
  killedAt: fc.constantFrom('keep', 'kept', 'append' as const),
  after: fc.integer({ min: 0, max: 6 }),
  /** What happens before the next life. */
  next: fc.constantFrom('nothing', 'nothing', 'split', 'merge', 'silence', 'late', 'restart' as const),
})

const schedules = fc.record({
  shards: fc.integer({ min: 1, max: 3 }),
  hosts: fc.integer({ min: 1, max: 2 }),
  chunks: fc.array(fc.array(fc.integer({ min: 0, max: KEYS.length - 1 }), { minLength: 1, maxLength: 10 }), {
    minLength: 1,
    maxLength: 8,
  }),
  batchBytes: fc.constantFrom(1, 150, 1024 * 1024),
  lives: fc.array(lives, { maxLength: 5 }),
})
type Schedule = typeof schedules extends fc.Arbitrary<infer S> ? S : never

async function run(schedule: Schedule) {
  const broker = new FakeBroker({ shards: schedule.shards, hosts: schedule.hosts })
  broker.usesClock = true
  const recordsOf = (chunk: number) =>
    schedule.chunks[chunk]!.map((key, at) => ({
      partitionKey: KEYS[key]!,
      data: `${KEYS[key]} ${chunk}/${at}`,
    }))
  const journal = new Journal()
  const reshard = (kind: 'split' | 'merge') => {
    const open = broker.openShards.toSorted(byRange)
    const at = journal.keeps % open.length
    if (kind === 'split' && open.length < 8) broker.split(open[at]!.index)
    const [a, b] = [open[at], open[at + 1]]
    if (kind === 'merge' && b !== undefined && mergeRanges(a!.range, b.range)) broker.merge(a!.index, b.index)
  }
  for (const life of [...schedule.lives, undefined]) {
    const client = await driven(
      connect('millrace://fake', {
        dial: broker.dial,
        requestTimeoutMs: 50,
        retry: { backoffMinMs: 1, backoffMaxMs: 20 },
      }),
    )
    const writer = await driven(client.preparedWriter('clicks', { batchBytes: schedule.batchBytes }))
    let left = life?.after ?? 0
    const step = (name: 'keep' | 'kept' | 'append') => {
      if (life?.killedAt === name && left-- === 0) program.kill()
    }
    const program: PreparedProgram = new PreparedProgram({
      journal,
      client,
      writer,
      recordsOf,
      callsMax: 3,
      flush: () => turns(1),
      onStep: step,
    })
    const disturbances = (life?.troubles ?? []).values()
    broker.disturb = ({ operation }) => {
      if (operation !== 'append') return 'none'
      step('append')
      const trouble = disturbances.next().value
      const { reshards } = trouble ?? {}
      if (reshards !== undefined) setImmediate(() => reshard(reshards))
      return trouble?.disturbance ?? 'none'
    }
    await driven(
      program
        .run((chunk) => chunk < schedule.chunks.length)
        .catch((error: unknown) => {
          if (!program.isKilled) throw error
        }),
      { limitMs: 60_000 },
    )
    await driven(client.close({ signal: AbortSignal.abort() }).catch(() => {}))
    broker.disturb = () => 'none'
    const { next } = life ?? {}
    if (next === 'split' || next === 'merge') reshard(next)
    else if (next === 'late') broker.releaseLingering()
    else if (next === 'restart') {
      broker.stopHost(1)
      broker.startHost(1, 7500 + 2 * broker.connections)
    } else if (next === 'silence') {
      broker.releaseLingering()
      await pass(SILENCE_MS, 60_000)
      for (const shard of broker.shards) shard.forgetProducers()
    }
  }
  broker.releaseLingering()
  await turns()
  return { broker, journal, all: schedule.chunks.flatMap((_, chunk) => recordsOf(chunk)) }
}

function byRange(a: FakeShard, b: FakeShard): number {
  return compareHashKeys(a.range.start, 0, b.range.start, 0)
}

/** Everything stored, shard by shard: parents have lower indexes than their children. */
function storedIn(broker: FakeBroker) {
  return broker.shards.flatMap((shard) =>
    broker.recordsOf(shard.index, openWithoutKeys).map((record) => ({
      partitionKey: record.partitionKey,
      data: new TextDecoder().decode(record.data),
    })),
  )
}

describe('prepared appends', () => {
  it('store each record once, and those of a key in order, wherever their program is killed', async () => {
    let keeps = 0
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        const { broker, journal, all } = await run(schedule)
        keeps += journal.keeps
        const stored = storedIn(broker)
        const count = new Map<string, number>()
        for (const { data } of stored) count.set(data, (count.get(data) ?? 0) + 1)
        expect(
          [...count].filter(([, times]) => times > 1),
          'stored twice',
        ).toEqual([])
        expect(
          all.filter(({ data }) => !count.has(data)),
          'lost',
        ).toEqual([])
        for (const key of KEYS) {
          const of = (records: typeof all) =>
            records.filter(({ partitionKey }) => partitionKey === key).map(({ data }) => data)
          expect(of(stored), `the order of ${key}`).toEqual(of(all))
        }
        expect(journal.begun.size).toBe(0)
      }),
      { numRuns: Number(process.env['MILLRACE_FUZZ_RUNS'] ?? 200) },
    )
    expect(keeps).toBeGreaterThan(0)
  })
})
