// Waves reach a number of even shards exactly, from any shards, in as few waves as doubling and halving take.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Shard } from '../../../../broker/control/catalog-state.ts'
import {
  afterWave,
  nextWave,
  planEvenWave,
  shardsOnTheWay,
  type Wave,
} from '../../../../broker/control/resharding/waves.ts'
import { hashKeyToHex } from '../../../../protocol/shards/hash-key.ts'
import { evenRanges } from '../../../../protocol/shards/shard-map.ts'
import { shardRow } from '../../../support/catalog-rows.ts'

/** Returns what is wrong with a wave, if anything. Ranges of a small space begin at places. */
function faultOf(
  starts: readonly string[],
  goal: readonly string[],
  wave: Wave | undefined,
): string | undefined {
  const missing = goal.filter((start) => !starts.includes(start))
  const surplus = starts.filter((start) => !goal.includes(start))
  if (wave === undefined) return missing.length + surplus.length === 0 ? undefined : 'stops before the goal'
  const { cuts, joins } = wave
  if (cuts.length + joins.length === 0) return 'does nothing'
  if (!cuts.every((cut) => missing.includes(cut))) return 'cuts where the goal has no boundary'
  if (!joins.every((join) => surplus.includes(join))) return 'joins where the goal has a boundary'
  if (joins.length > 0 && missing.length > 0) return 'joins before everything is cut'
  const touched = [
    ...cuts.map((cut) => starts.findLastIndex((start) => start < cut)),
    ...joins.flatMap((join) => [starts.indexOf(join) - 1, starts.indexOf(join)]),
  ]
  return new Set(touched).size === touched.length ? undefined : 'touches a range twice'
}

describe('nextWave', () => {
  test('returns a valid wave that is nearer to the goal, for a million pairs of ranges', () => {
    // A wave leads from one subset of these boundaries to another, so the cases include every wave of every way. Each wave
    // adds only boundaries of the goal, or removes only others: so every way ends, and on the way there are never more
    // ranges than at both ends together.
    const boundaries = '123456789a'.split('')
    const covers = Array.from({ length: 1 << boundaries.length }, (_, bits) => [
      '0',
      ...boundaries.filter((_boundary, place) => (bits & (1 << place)) !== 0),
    ])
    const faults = new Map<string, string>()
    for (const starts of covers) {
      for (const goal of covers) {
        const fault = faultOf(starts, goal, nextWave(starts, goal))
        if (fault !== undefined) faults.set(fault, `${starts.join('')} to ${goal.join('')}`)
      }
    }
    expect([...faults]).toEqual([])
  })

  test('removes as many boundaries at once as there are disjoint pairs', () => {
    expect(nextWave('01234567'.split(''), ['0'])).toEqual({ cuts: [], joins: ['1', '3', '5', '7'] })
    expect(nextWave('012345'.split(''), '03'.split(''))).toEqual({ cuts: [], joins: ['1', '4'] })
  })

  test('throws on ranges that do not begin at hash key 0', () => {
    expect(() => nextWave(['1'], ['0'])).toThrow('all ranges begin')
  })
})

const evenShards = (count: number): Shard[] =>
  evenRanges(count).map(({ start, end }, index) => {
    const range = { startingHashKey: hashKeyToHex(start), endingHashKey: hashKeyToHex(end) }
    return { streamId: 1, index, ...shardRow(1, index, range).value }
  })

/** Returns the number of shards after each wave. */
function countsOnTheWay(from: number, to: number): number[] {
  const goal = evenShards(to).map(({ startingHashKey }) => startingHashKey)
  let starts = evenShards(from).map(({ startingHashKey }) => startingHashKey)
  const counts: number[] = []
  for (let wave = nextWave(starts, goal); wave !== undefined; wave = nextWave(starts, goal)) {
    starts = afterWave(starts, wave)
    counts.push(starts.length)
  }
  expect(starts).toEqual(goal)
  return counts
}

describe('planEvenWave: the way from even shards to even shards', () => {
  test.each<[number, number, number[]]>([
    [1, 64, [2, 4, 8, 16, 32, 64]],
    [64, 1, [32, 16, 8, 4, 2, 1]],
    [1, 5, [2, 4, 5]],
    [4, 3, [6, 3]],
    [2, 3, [4, 3]],
    [7, 7, []],
  ])('%d to %d passes over %j', (from, to, counts) => {
    expect(countsOnTheWay(from, to)).toEqual(counts)
  })

  test('is short, and never has more shards than both ends together', () => {
    const count = fc.integer({ min: 1, max: 300 })
    fc.assert(
      fc.property(count, count, (from, to) => {
        const counts = countsOnTheWay(from, to)
        expect(Math.max(0, ...counts)).toBeLessThan(from + to)
        expect(counts.length).toBeLessThanOrEqual(Math.ceil(Math.log2(from)) + Math.ceil(Math.log2(to)) + 2)
      }),
      { numRuns: 200 },
    )
  })

  test('makes as many shards as shardsOnTheWay says', () => {
    expect(shardsOnTheWay(evenShards(1), 64)).toBe(2 + 4 + 8 + 16 + 32 + 64)
    expect(shardsOnTheWay(evenShards(4), 3)).toBe(2 * 2 + 3)
    expect(shardsOnTheWay(evenShards(9), 9)).toBe(0)
  })
})

describe('planEvenWave', () => {
  test('names the shards to split and to merge, whatever the order of their indexes', () => {
    const shuffled = evenShards(4).map((shard, place) => ({ ...shard, index: [7, 3, 9, 5][place]! }))
    const [, , third] = evenShards(4)
    expect(planEvenWave(shuffled.toReversed(), 2)).toEqual([{ merge: [7, 3] }, { merge: [9, 5] }])
    expect(planEvenWave(shuffled, 8)?.map((intent) => ('split' in intent ? intent.split : intent))).toEqual([
      7, 3, 9, 5,
    ])
    expect(planEvenWave([{ ...shardOver(), index: 2 }], 2)).toEqual([
      { split: 2, at: [third!.startingHashKey] },
    ])
    expect(planEvenWave(shuffled, 4)).toBeUndefined()
  })
})

function shardOver(): Shard {
  return { streamId: 1, index: 0, ...shardRow(1, 0).value }
}
