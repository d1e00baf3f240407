// Each record in exactly one object, whatever happens: lives that end at any step, hand-overs, definitions that change in between, answers
// that are lost, writes of the dead that come late.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DeliveryDefinition } from 'millrace/protocol'
import {
  definitionOf,
  expected,
  found,
  Life,
  quiet,
  record,
  sayingPipeline,
  SmallShard,
} from '../support/small-shard.ts'
import type { ShardRun } from '../../src/engine/shard-run.ts'
import type { SourceRecord } from '../../src/engine/source-record.ts'

const kinds = ['p0', 'p1', 'p2', 'p3', 'bad', 'drop', 'two'] as const

/** What is done with the run of a life. */
type Act =
  | { readonly type: 'take'; readonly count: number }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'quiet' }

interface LifePlan {
  readonly acts: readonly Act[]
  /** Durable steps until it ends; more than there are for one that ends otherwise. */
  readonly steps: number
  readonly end: 'crash' | 'handOver' | 'zombie'
  readonly isUpdated: boolean
}

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ type: fc.constant('take' as const), count: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ type: fc.constant('advance' as const), ms: fc.constantFrom(1, 500, 1000, 5000) }),
  fc.constant({ type: 'quiet' as const }),
)

const plan: fc.Arbitrary<LifePlan> = fc.record({
  acts: fc.array(act, { maxLength: 10 }),
  steps: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constant(Number.MAX_SAFE_INTEGER)),
  end: fc.constantFrom('crash' as const, 'handOver' as const, 'zombie' as const),
  isUpdated: fc.boolean(),
})

const pipelineOf = (definition: DeliveryDefinition) => sayingPipeline(definition.prefix.includes('coarse'))

const versions = (bytes: number, intervalMs: number, partitionsMax: number, version: number) =>
  definitionOf(
    {
      prefix: version % 2 === 1 ? 'k=!{partitionKeyFromQuery:k}/' : 'coarse/',
      buffer: { bytes, intervalMs },
      partitioning: { queries: { k: '.k' }, partitionsMax },
    },
    version,
  )

/** Takes records from the group's checkpoint on, as a group would hand them out. */
class Reader {
  readonly #records: readonly SourceRecord[]
  #next: number

  constructor(records: readonly SourceRecord[], from: number) {
    this.#records = records
    const at = records.findIndex(({ sequenceNumber }) => sequenceNumber >= from)
    this.#next = at < 0 ? records.length : at
  }

  async take(run: ShardRun, count: number): Promise<void> {
    const some = this.#records.slice(this.#next, this.#next + count)
    const last = some.at(-1)
    if (last === undefined) return
    this.#next += some.length
    await run.take(some, last.sequenceNumber + 1)
  }
}

async function live(
  shard: SmallShard,
  records: readonly SourceRecord[],
  definition: DeliveryDefinition,
  { acts, steps, end }: LifePlan,
) {
  const life = new Life(steps)
  let run: ShardRun | undefined
  const stop = () => run?.stop(new Error('This life is over.'))
  try {
    run = await shard.begin(life, definition, pipelineOf)
    const reader = new Reader(records, shard.checkpoint)
    for (const each of acts) {
      if (each.type === 'take') await withinTurns(reader.take(run, each.count))
      else if (each.type === 'advance') shard.clock.advance(each.ms)
      else await quiet()
    }
    if (end === 'handOver') await withinTurns(run.finish())
  } catch {
    // It is over, or was told that it stands still: the next one goes on.
  }
  // A zombie does not know yet that it is one: what it has begun goes on beside the next life.
  if (end === 'zombie') return stop
  life.isOver = true
  stop()
  return undefined
}

/** A call that waits for what never comes is left alone. */
async function withinTurns(work: Promise<void>): Promise<void> {
  work.catch(() => {})
  await Promise.race([work, quiet()])
}

async function check(
  records: readonly SourceRecord[],
  lives: readonly LifePlan[],
  {
    bytes,
    intervalMs,
    partitionsMax,
  }: { readonly bytes: number; readonly intervalMs: number; readonly partitionsMax: number },
  seed: number,
): Promise<void> {
  let state = seed
  const chance = (below: number) => (state = (state * 1103515245 + 12345) % 2 ** 31) % below
  const shard = new SmallShard(
    () => chance(6),
    () => chance(8) === 0,
  )
  let version = 1
  const zombies: (() => void)[] = []
  for (const each of lives) {
    if (each.isUpdated) version++
    const zombie = await live(shard, records, versions(bytes, intervalMs, partitionsMax, version), each)
    if (zombie !== undefined) zombies.push(zombie)
  }
  await quiet()
  for (const stop of zombies) stop()
  await quiet()
  const life = new Life(Number.MAX_SAFE_INTEGER)
  const run = await shard.begin(life, versions(bytes, intervalMs, partitionsMax, version), pipelineOf)
  const reader = new Reader(records, shard.checkpoint)
  for (let i = 0; i < records.length; i += 7) await reader.take(run, 7)
  await run.finish()
  await quiet()
  expect(found(shard.objects)).toEqual(expected(records))
  expect(shard.progress).toMatchObject({ pending: [], ahead: {} })
  run.stop(new Error('The test is over.'))
}

const recordsOf = fc
  .array(fc.record({ kind: fc.constantFrom(...kinds), gap: fc.constantFrom(1, 1, 1, 2, 9) }), {
    minLength: 1,
    maxLength: 60,
  })
  .map((given) => {
    let next = 0
    return given.map(({ kind, gap }) => record((next += gap), kind))
  })

describe('a shard of a delivery', () => {
  it('has every record in exactly one object, after any lives', async () => {
    await fc.assert(
      fc.asyncProperty(
        recordsOf,
        fc.array(plan, { maxLength: 5 }),
        fc.record({
          bytes: fc.constantFrom(4, 12, 1000),
          intervalMs: fc.constantFrom(0, 1000),
          partitionsMax: fc.constantFrom(1, 2, 500),
        }),
        fc.integer({ min: 1, max: 2 ** 30 }),
        check,
      ),
      { numRuns: 400 },
    )
  })

  it('has every record in exactly one object, whichever durable step is its last', async () => {
    const records = Array.from({ length: 40 }, (_, i) => record(i, kinds[i % kinds.length]!))
    const take: Act = { type: 'take', count: 10 }
    const acts: Act[] = [
      take,
      { type: 'quiet' },
      take,
      { type: 'advance', ms: 5000 },
      { type: 'quiet' },
      take,
    ]
    for (let steps = 0; steps < 80; steps++) {
      const life = { acts, steps, end: 'crash', isUpdated: false } as const
      await check(
        records,
        [life, { ...life, steps: 80 - steps, isUpdated: true }],
        { bytes: 20, intervalMs: 1000, partitionsMax: 3 },
        steps + 1,
      )
    }
  })
})
