// Whatever a function does, however records come, and wherever the process dies: nothing is lost, records of a key are called with in their order,
// attempts are bounded, the position passes nothing that is not done, and output is stored once.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { MappingRules } from '../../src/mapping/rules.ts'
import { plainRules, SimulatedShard, type Script, type TestRecord } from './simulated-shard.ts'

const requestId = 'r'
const failed = {
  ok: false,
  requestId,
  errorType: 'Error',
  errorMessage: 'poison',
  isThrottle: false,
} as const

const someRules: fc.Arbitrary<MappingRules> = fc
  .record({
    batchSize: fc.integer({ min: 1, max: 8 }),
    batchWindowMs: fc.constantFrom(0, 0, 50),
    lanes: fc.integer({ min: 1, max: 4 }),
    retriesMax: fc.constantFrom(-1, 0, 1, 3),
    recordAgeMaxMs: fc.constantFrom(-1, -1, 5000),
    bisectsOnError: fc.boolean(),
    tumblingWindowMs: fc.constantFrom(0, 0, 200),
  })
  .map((rules) => ({ ...plainRules, ...rules, lanes: rules.tumblingWindowMs > 0 ? 1 : rules.lanes }))

const someRecords: fc.Arbitrary<TestRecord[]> = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 1, max: 3 }),
      key: fc.integer({ min: 0, max: 5 }),
      later: fc.integer({ min: 0, max: 90 }),
    }),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  .map((steps) => {
    let sequenceNumber = 0
    let arrivedAt = 0
    return steps.map(({ gap, key, later }) => {
      sequenceNumber += gap
      arrivedAt += later
      return { sequenceNumber, key: `key ${key}`, arrivedAt }
    })
  })

/** What each call does, one after the other: it succeeds, throws, is throttled, or reports one of its records. */
const someOutcomes = fc.array(fc.constantFrom('ok', 'ok', 'throw', 'throttle', 'first', 'middle'), {
  maxLength: 60,
})

interface Seen {
  readonly sum: number
}

function scriptOf(outcomes: readonly string[]): Script {
  let calls = 0
  return (call) => {
    const what = outcomes[calls++] ?? 'ok'
    if (what === 'throw') return failed
    if (what === 'throttle') return { ...failed, isThrottle: true }
    const at =
      what === 'first' ? 0 : what === 'middle' ? Math.floor(call.records.length / 2) : call.records.length
    const done = call.records.slice(0, at)
    const before = (call.window?.state as Seen | undefined)?.sum ?? 0
    return {
      ok: true,
      requestId,
      failedFrom: call.records[at],
      state: { sum: before + done.reduce((a, b) => a + b, 0) },
      // The last call of a window gives out its sum, below all numbers of records.
      output: call.window === undefined ? done : call.window.isFinal ? [-1 - before] : [],
    }
  }
}

/** Feeds, runs and, where `crashes` says so, kills. */
function play(
  shard: SimulatedShard,
  chunks: readonly number[],
  crashes: readonly { readonly after: number; readonly isAppendStored: boolean }[],
): void {
  let chunk = 0
  const feed = (): void => shard.feed(chunks[chunk++ % chunks.length], { isEnded: false })
  const go = (steps: number): void => {
    for (let i = 0; i < steps; i++) {
      if (!shard.isFed && shard.machine.hasRoom && i % 2 === 0) feed()
      else if (!shard.next() && !shard.isFed) feed()
    }
  }
  for (const { after, isAppendStored } of crashes) {
    go(after)
    shard.crash({ isAppendStored })
  }
  for (let i = 0; !shard.isFed; i++) {
    feed()
    shard.next()
    if (i > 10_000) throw new Error('it is never fed')
  }
  shard.feed(0, { isEnded: true })
  shard.run()
}

function expectComplete(shard: SimulatedShard, records: readonly TestRecord[]): void {
  expect(shard.machine.isThrough).toBe(true)
  expect(shard.position).toBe(records.at(-1)!.sequenceNumber + 1)
  const over = new Set([...shard.succeeded, ...shard.givenUp.flatMap((each) => each.records)])
  expect(records.filter(({ sequenceNumber }) => !over.has(sequenceNumber))).toEqual([])
}

const someChunks = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })

it('without crashes: each record is done once, in the order of its key, after no more attempts than allowed', () => {
  fc.assert(
    fc.property(someRules, someRecords, someOutcomes, someChunks, (rules, records, outcomes, chunks) => {
      const shard = new SimulatedShard({ rules, records, script: scriptOf(outcomes) })
      play(shard, chunks, [])
      expectComplete(shard, records)
      const over = [...shard.succeeded, ...shard.givenUp.flatMap((each) => each.records)]
      expect(over.length).toBe(records.length)
      for (const key of new Set(records.map((record) => record.key))) {
        const own = new Set(
          records.filter((record) => record.key === key).map(({ sequenceNumber }) => sequenceNumber),
        )
        const done = shard.succeeded.filter((number) => own.has(number))
        expect(done).toEqual(done.toSorted((a, b) => a - b))
      }
      if (rules.tumblingWindowMs === 0) {
        expect(shard.output.toSorted((a, b) => a - b)).toEqual(shard.succeeded.toSorted((a, b) => a - b))
      } else {
        // Every sum comes out once.
        const sums = shard.output.map((number) => -1 - number)
        expect(sums.reduce((a, b) => a + b, 0)).toBe(shard.succeeded.reduce((a, b) => a + b, 0))
      }
    }),
    { numRuns: 500 },
  )
})

const someCrashes = fc.array(
  fc.record({ after: fc.integer({ min: 0, max: 25 }), isAppendStored: fc.boolean() }),
  { maxLength: 4 },
)

it('with crashes: nothing is lost, and output is stored once and in the order of its key', () => {
  fc.assert(
    fc.property(
      someRules,
      someRecords,
      someOutcomes,
      someChunks,
      someCrashes,
      (rules, records, outcomes, chunks, crashes) => {
        const shard = new SimulatedShard({ rules, records, script: scriptOf(outcomes) })
        play(shard, chunks, crashes)
        expectComplete(shard, records)
        if (rules.tumblingWindowMs > 0) return
        expect(new Set(shard.output).size).toBe(shard.output.length)
        for (const key of new Set(records.map((record) => record.key))) {
          const own = new Set(
            records.filter((record) => record.key === key).map(({ sequenceNumber }) => sequenceNumber),
          )
          const out = shard.output.filter((number) => own.has(number))
          expect(out).toEqual(out.toSorted((a, b) => a - b))
        }
      },
    ),
    { numRuns: 1000 },
  )
})

it('with crashes: the state of a window has every record once that is done in it', () => {
  fc.assert(
    fc.property(
      someRecords,
      someChunks,
      someCrashes,
      fc.integer({ min: 1, max: 8 }),
      (records, chunks, crashes, batchSize) => {
        const rules = { ...plainRules, batchSize, tumblingWindowMs: 200 }
        const shard = new SimulatedShard({ rules, records, script: scriptOf([]) })
        play(shard, chunks, crashes)
        expectComplete(shard, records)
        const sums = new Map<number, number>()
        for (const { sequenceNumber, arrivedAt } of records) {
          const start = Math.floor(arrivedAt / 200)
          sums.set(start, (sums.get(start) ?? 0) + sequenceNumber)
        }
        expect(shard.output.map((number) => -1 - number)).toEqual([...sums.values()])
      },
    ),
    { numRuns: 1000 },
  )
})
