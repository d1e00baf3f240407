// What the autoscaler never does, whatever producers do: hours of random load, look by look, on a model of a stream.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LOOK_MS, ModelStream, type Lump } from './model-stream.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const TARGET = { targetBytesPerSecond: 1_000_000, targetRecordsPerSecond: 10_000 }

const hashKey = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })
/** From nothing to some forty shards' worth. */
const rate = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40_000_000 }))
const even: fc.Arbitrary<Lump> = fc
  .record({ bytes: rate, recordBytes: fc.integer({ min: 20, max: 5_000 }) })
  .map(({ bytes, recordBytes }) => ({ bytes, records: bytes / recordBytes }))
const onKey: fc.Arbitrary<Lump> = fc
  .record({ hashKey, bytes: fc.integer({ min: 0, max: 3_000_000 }) })
  .map(({ hashKey: key, bytes }) => ({ hashKey: key, bytes, records: bytes / 100 }))
const load = fc.tuple(even, fc.array(onKey, { maxLength: 8 })).map(([base, lumps]) => [base, ...lumps])
const bounds = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 40 }))
  .map(([shardsMin, more]) => ({ ...TARGET, shardsMin, shardsMax: shardsMin + more }))
/** A failing day is hours long: the seed says more than hundreds of smaller ones would. */
const once = { endOnFailure: true }
/** Loads one after the other, each for some time. */
const day = fc.array(fc.record({ load, minutes: fc.integer({ min: 1, max: 25 }), restless: fc.boolean() }), {
  minLength: 1,
  maxLength: 6,
})

/** Holds what was done against the promises. */
function checkActions({ actions }: ModelStream, from = 0): void {
  for (const { atMs, decision, before } of actions.slice(from)) {
    for (const { madeAt, state } of before) {
      expect(state).toBe('CLOSED')
      const ageMs = madeAt === 0 ? Infinity : atMs - madeAt
      if (decision.action === 'split') expect(ageMs).toBeGreaterThanOrEqual(15_000)
      else expect(ageMs).toBeGreaterThanOrEqual(10 * MINUTE_MS)
    }
    if (decision.action === 'merge') expect(before[0]!.end + 1n).toBe(before[1]!.start)
  }
}

function checkCover({ open }: ModelStream): void {
  let next = 0n
  for (const { start, end } of open) {
    expect(start).toBe(next)
    next = end + 1n
  }
  expect(next).toBe(1n << 128n)
}

describe('over hours of random load the autoscaler', () => {
  let decided = 0

  it('stays in its bounds, waits between changes of one range, and comes to rest when the load does', () => {
    fc.assert(
      fc.property(bounds, day, fc.double({ min: 0, max: 1, noNaN: true }), (scaling, phases, at) => {
        const startCount = Math.round(scaling.shardsMin + at * (scaling.shardsMax - scaling.shardsMin))
        const stream = new ModelStream({ scaling, startCount, seesKeys: true })
        const look = (): void => {
          stream.look()
          const count = stream.open.length
          if (count < scaling.shardsMin || count > scaling.shardsMax) expect.fail(`${count} shards`)
        }
        for (const phase of phases) {
          for (let ms = 0; ms < phase.minutes * MINUTE_MS; ms += LOOK_MS) {
            // A restless load comes and goes every half minute.
            if (ms % 60_000 === 0) stream.setLoad(phase.load)
            else if (phase.restless && ms % 30_000 === 0) stream.setLoad([])
            look()
          }
        }
        checkActions(stream)
        // From forty shards to one it takes six merges of everything, each ten minutes after the last.
        stream.setLoad(phases.at(-1)!.load)
        stream.lookFor(1.5 * HOUR_MS)
        expect(stream.lookFor(15 * MINUTE_MS)).toBe(0)
        checkActions(stream)
        checkCover(stream)
        decided += stream.decided
      }),
      { numRuns: 20, ...once },
    )
  }, 120_000)

  it('splits nothing that it merged under the load that it merged it for', () => {
    fc.assert(
      fc.property(bounds, load, load, (scaling, before, after) => {
        const stream = new ModelStream({ scaling, startCount: scaling.shardsMax, seesKeys: true })
        stream.setLoad(before)
        stream.lookFor(15 * MINUTE_MS)
        stream.setLoad(after)
        stream.lookFor(11 * MINUTE_MS)
        const from = stream.actions.length
        stream.lookFor(40 * MINUTE_MS)
        const merged = new Set(
          stream.shards.filter(({ parents }) => parents.length === 2).map(({ index }) => index),
        )
        for (const { decision } of stream.actions.slice(from)) {
          if (decision.action === 'split') expect(merged.has(decision.shards[0]!)).toBe(false)
        }
        decided += stream.decided
      }),
      { numRuns: 10, ...once },
    )
  }, 120_000)

  it('does not go on splitting for keys that cannot be divided, seen or not', () => {
    const hotKeys = fc.array(
      onKey.map((lump) => ({ ...lump, bytes: 2_000_000 + lump.bytes })),
      { minLength: 1, maxLength: 2 },
    )
    fc.assert(
      fc.property(hotKeys, fc.boolean(), (lumps, seesKeys) => {
        const scaling = { ...TARGET, shardsMin: 1, shardsMax: 256 }
        const stream = new ModelStream({ scaling, startCount: 4, seesKeys })
        stream.setLoad(lumps)
        stream.lookFor(3 * HOUR_MS)
        const splits = stream.actions.filter(({ decision }) => decision.action === 'split').length
        expect(splits).toBeLessThanOrEqual(8 * lumps.length)
        const { action } = stream.look().find(({ shards }) => shards.length === 1) ?? {}
        expect(action).toBe('hotKey')
        decided += stream.decided
      }),
      { numRuns: 10, ...once },
    )
  }, 120_000)

  it('was held against a million decisions and more', () => {
    expect(decided).toBeGreaterThan(1_000_000)
  })
})
