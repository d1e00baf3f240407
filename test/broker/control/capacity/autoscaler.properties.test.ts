// Properties of the autoscaler under hours of random load, look by look, on a model of a stream.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decideScaling } from '../../../../broker/control/capacity/autoscaler.ts'
import type { ObservedLoad } from '../../../../broker/control/capacity/load-windows.ts'
import { hashKeyToHex } from '../../../../protocol/shards/hash-key.ts'
import type { Scaling } from '../../../../protocol/operations.ts'
import { evenRanges } from '../../../../protocol/shards/shard-map.ts'
import { noShardLimits } from '../../../../protocol/structs.ts'
import { LOOK_MS, ModelStream, type Lump } from './model-stream.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const TARGET = { targetBytesPerSecond: 1_000_000, targetRecordsPerSecond: 10_000 }

const hashKey = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })
/** Bytes per second, from none to the load of forty shards, small rates as likely as large ones. */
const rate = fc.oneof(
  fc.constant(0),
  fc.double({ min: 3, max: 7.6, noNaN: true }).map((power) => Math.round(10 ** power)),
)
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
/** No shrinking: a failing run takes hours of model time, and its seed is enough to repeat it. */
const once = { endOnFailure: true }
/** Several loads in sequence, each for some minutes. */
const day = fc.array(
  fc.record({ load, minutes: fc.integer({ min: 1, max: 25 }), isRestless: fc.boolean() }),
  {
    minLength: 1,
    maxLength: 6,
  },
)

interface Phase {
  readonly load: readonly Lump[]
  readonly minutes: number
  readonly isRestless: boolean
}

/** Checks all splits and merges against the rules. */
function checkActions({ actions }: ModelStream): void {
  for (const { atMs, decision, before } of actions) {
    for (const { madeAt, state } of before) {
      expect(state).toBe('OPEN')
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

/** Plays the loads in sequence, and checks the number of shards against the bounds at every look. */
function liveThrough(stream: ModelStream, scaling: Scaling, phases: readonly Phase[]): void {
  for (const { load: lumps, minutes, isRestless } of phases) {
    for (let ms = 0; ms < minutes * MINUTE_MS; ms += LOOK_MS) {
      // A restless load alternates with none every half minute.
      if (ms % 60_000 === 0) stream.setLoad(lumps)
      else if (isRestless && ms % 30_000 === 0) stream.setLoad([])
      stream.look()
      const count = stream.open.length
      if (count < scaling.shardsMin || count > scaling.shardsMax) expect.fail(`${count} shards`)
    }
  }
}

describe('decideScaling', () => {
  const MiB = 1024 * 1024
  const scaling = { shardsMin: 1, shardsMax: 40, targetBytesPerSecond: MiB, targetRecordsPerSecond: 1e9 }
  const long = { hot: null, silentMs: 0, watchedMs: Infinity, ageMs: Infinity, skewedSplits: 0 }
  /** A steady load, as a part of the target, on a shard that has not changed for long. */
  const loadOf = (fill: number): ObservedLoad => {
    const rate = { bytes: fill * MiB, records: 0 }
    return { ...long, rates: { tenSeconds: rate, twoMinutes: rate, tenMinutes: rate } }
  }
  const decide = (fills: readonly number[]) => {
    const starts = evenRanges(fills.length).map(({ start, end }) => [hashKeyToHex(start), hashKeyToHex(end)])
    const shards = fills.map((fill, index) => ({
      index,
      startingHashKey: starts[index]![0]!,
      endingHashKey: starts[index]![1]!,
      load: loadOf(fill),
    }))
    return decideScaling({ shards, scaling, shardLimits: noShardLimits })
  }

  it('never reverses a decision under the load that caused it, however a split divides that load', () => {
    const fills = fc.array(fc.double({ min: 0, max: 2.5, noNaN: true }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(fills, fc.double({ min: 0, max: 1, noNaN: true }), (loads, part) => {
        const decisions = decide(loads)
        const merged = new Set(
          decisions.flatMap(({ action, shards }) => (action === 'merge' ? [shards[0]!] : [])),
        )
        const gone = new Set(
          decisions.flatMap(({ action, shards }) => (action === 'merge' ? [shards[1]!] : [])),
        )
        const split = new Set(
          decisions.flatMap(({ action, shards }) => (action === 'split' ? [shards[0]!] : [])),
        )
        // The shards after the decisions, each with the index of its first parent.
        const after = loads.flatMap((fill, index) => {
          if (gone.has(index)) return []
          if (merged.has(index)) return [{ of: index, fill: fill + loads[index + 1]! }]
          if (split.has(index))
            return [
              { of: index, fill: fill * part },
              { of: index, fill: fill * (1 - part) },
            ]
          return [{ of: index, fill }]
        })
        for (const { action, shards } of decide(after.map(({ fill }) => fill))) {
          const origins = shards.map((index) => after[index]!.of)
          if (action === 'split' && merged.has(origins[0]!)) expect.fail('splits what was merged')
          if (action === 'merge' && origins[0] === origins[1]) expect.fail('merges what was split')
        }
      }),
      { numRuns: 20_000 },
    )
  })
})

describe('the autoscaler, over hours of random load,', () => {
  let decided = 0
  const part = fc.double({ min: 0, max: 1, noNaN: true })
  const hours = fc.property(bounds, day, part, (scaling, phases, startPart) => {
    const startCount = Math.round(scaling.shardsMin + startPart * (scaling.shardsMax - scaling.shardsMin))
    const stream = new ModelStream({ scaling, startCount, seesKeys: true })
    liveThrough(stream, scaling, phases)
    // From forty shards to one takes six rounds of merges, ten minutes apart.
    stream.setLoad(phases.at(-1)!.load)
    stream.lookFor(1.5 * HOUR_MS)
    expect(stream.lookFor(15 * MINUTE_MS)).toBe(0)
    checkActions(stream)
    checkCover(stream)
    decided += stream.decided
  })

  it('stays in its bounds, waits between changes of one range, and comes to rest when the load does', () => {
    fc.assert(hours, { numRuns: 8, ...once })
  })

  it('splits no shard that it merged, under the load that it merged it for', () => {
    fc.assert(
      fc.property(bounds, load, load, (scaling, before, after) => {
        const stream = new ModelStream({ scaling, startCount: scaling.shardsMax, seesKeys: true })
        stream.setLoad(before)
        stream.lookFor(15 * MINUTE_MS)
        stream.setLoad(after)
        stream.lookFor(11 * MINUTE_MS)
        const steadySince = stream.nowMs
        stream.lookFor(40 * MINUTE_MS)
        const splitAgain = stream.actions.filter(({ decision, before: [shard] }) => {
          const isMerged = shard!.parents.length === 2 && shard!.madeAt >= steadySince
          return decision.action === 'split' && isMerged
        })
        expect(splitAgain).toEqual([])
        decided += stream.decided
      }),
      { numRuns: 6, ...once },
    )
  })

  it('stops splitting for hot keys, whether hosts report them or not', () => {
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
        // Splits for each key alone, and for pairs of keys in one shard until a split separates them.
        expect(splits).toBeLessThanOrEqual(8 * (2 * lumps.length - 1))
        const { action } = stream.look().find(({ shards }) => shards.length === 1) ?? {}
        expect(action).toBe('hotKey')
        decided += stream.decided
      }),
      { numRuns: 6, ...once },
    )
  })

  it('splits a new stream as soon as its load is above the target as a mean over half a minute, and then rests', () => {
    const many = { ...TARGET, shardsMin: 1, shardsMax: 200 }
    fc.assert(
      fc.property(
        fc.double({ min: 1.1, max: 40, noNaN: true }),
        fc.integer({ min: 1, max: 4 }),
        (excess, startCount) => {
          const stream = new ModelStream({ scaling: many, startCount, seesKeys: true })
          const bytes = excess * startCount * TARGET.targetBytesPerSecond
          stream.setLoad([{ bytes, records: 0 }])
          // Nothing that a shard is judged by is older than ten minutes: a merge would come soon after these.
          stream.lookFor(40 * MINUTE_MS)
          const [first] = stream.actions
          // One look sets where counting begins, and an excess shows only at the next look.
          expect(first!.atMs).toBeLessThanOrEqual(Math.max(10_000, 30_000 / excess) + 2 * LOOK_MS)
          expect(stream.actions.map(({ decision }) => decision.action)).not.toContain('merge')
          expect(stream.actions.at(-1)!.atMs).toBeLessThan(5 * MINUTE_MS)
        },
      ),
      { numRuns: 40, ...once },
    )
  })

  it('splits nothing that takes less than its target over each half minute, however unevenly', () => {
    const pulse = fc.record({
      onLooks: fc.integer({ min: 1, max: 15 }),
      part: fc.double({ min: 0.1, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(pulse, { minLength: 1, maxLength: 40 }), (pulses) => {
        const stream = new ModelStream({
          scaling: { ...TARGET, shardsMin: 1, shardsMax: 40 },
          startCount: 1,
          seesKeys: true,
        })
        // Each half minute has its whole load in its first looks, so a half minute across two of them may have more.
        for (const { onLooks, part: full } of pulses) {
          stream.setLoad([{ bytes: (0.5 * full * TARGET.targetBytesPerSecond * 15) / onLooks, records: 0 }])
          stream.lookFor(onLooks * LOOK_MS)
          stream.setLoad([])
          stream.lookFor((15 - onLooks) * LOOK_MS)
        }
        expect(stream.actions).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('makes more than a million decisions in these tests', () => {
    while (decided < 1_000_000) fc.assert(hours, { numRuns: 1, ...once })
  })
})
