// Hash key ranges cover the space exactly once, and every key is routed to the one shard that holds it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashKeyFromBigInt, hashKeyToBigInt, hashKeyToDecimal } from '../../../protocol/shards/hash-key.ts'
import { InvariantError } from '../../../protocol/invariant.ts'
import {
  canSplitAt,
  evenRanges,
  mergeRanges,
  middleOf,
  ShardMap,
  splitRange,
  type HashKeyRange,
} from '../../../protocol/shards/shard-map.ts'

const SPACE = 1n << 128n
const hashKey = fc.bigInt({ min: 0n, max: SPACE - 1n })

function range(start: bigint, end: bigint): HashKeyRange {
  return { start: hashKeyFromBigInt(start), end: hashKeyFromBigInt(end) }
}

/** A cover of the space, cut at any places, in any order, under any indexes. */
const cover = fc
  .tuple(
    fc.uniqueArray(fc.bigInt({ min: 1n, max: SPACE - 1n }), { maxLength: 30 }),
    fc.infiniteStream(fc.nat()),
  )
  .map(([cuts, order]) => {
    const starts = [0n, ...cuts.toSorted((a, b) => (a < b ? -1 : 1))]
    const shards = starts.map((start, i) => ({
      index: i,
      range: range(start, (starts[i + 1] ?? SPACE) - 1n),
    }))
    const keys = new Map(shards.map((shard) => [shard, order.next().value]))
    return shards.toSorted((a, b) => keys.get(a)! - keys.get(b)!)
  })

describe('evenRanges', () => {
  test('two shards get the halves that Kinesis gives', () => {
    const decimal = evenRanges(2).map(({ start, end }) => [hashKeyToDecimal(start), hashKeyToDecimal(end)])
    expect(decimal).toEqual([
      ['0', '170141183460469231731687303715884105727'],
      ['170141183460469231731687303715884105728', '340282366920938463463374607431768211455'],
    ])
  })

  test('three shards: the last one takes the remainder, as in Kinesis', () => {
    const decimal = evenRanges(3).map(({ start, end }) => [hashKeyToDecimal(start), hashKeyToDecimal(end)])
    expect(decimal).toEqual([
      ['0', '113427455640312821154458202477256070484'],
      ['113427455640312821154458202477256070485', '226854911280625642308916404954512140969'],
      ['226854911280625642308916404954512140970', '340282366920938463463374607431768211455'],
    ])
  })

  test('any count covers the space exactly once, in equal steps', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), (count) => {
        const ranges = evenRanges(count)
        expect(ranges).toHaveLength(count)
        const map = new ShardMap(ranges.map((each, index) => ({ index, range: each })))
        for (const index of [0, count >> 1, count - 1]) {
          expect(map.route(ranges[index]!.start)).toBe(index)
          expect(map.route(ranges[index]!.end)).toBe(index)
        }
        expect(hashKeyToBigInt(ranges[0]!.end) + 1n).toBe(SPACE / BigInt(count))
      }),
      { numRuns: 30 },
    )
  })
})

describe('ranges', () => {
  const plain = ({ start, end }: HashKeyRange): bigint[] => [hashKeyToBigInt(start), hashKeyToBigInt(end)]

  test('split at points inside, they leave nothing out, and merge to what they were', () => {
    fc.assert(
      fc.property(fc.uniqueArray(hashKey, { minLength: 2, maxLength: 6 }), (keys) => {
        const rising = keys.toSorted((a, b) => (a < b ? -1 : 1))
        const whole = range(rising[0]!, rising.at(-1)!)
        const parts = splitRange(whole, rising.slice(1).map(hashKeyFromBigInt))
        expect(parts.map(({ start }) => hashKeyToBigInt(start))).toEqual(rising)
        const merged = parts.reduce((below, above) => mergeRanges(above, below)!)
        expect(plain(merged)).toEqual(plain(whole))
      }),
    )
  })

  test('can be split at any hash key of theirs but the lowest', () => {
    const at = [4n, 5n, 6n, 9n, 10n].map((key) => canSplitAt(range(5n, 9n), hashKeyFromBigInt(key)))
    expect(at).toEqual([false, false, true, true, false])
    expect(() => splitRange(range(5n, 9n), [7n, 7n].map(hashKeyFromBigInt))).toThrow(InvariantError)
  })

  test('have a middle, unless they hold one hash key', () => {
    const middle = (start: bigint, end: bigint): bigint | undefined => {
      const found = middleOf(range(start, end))
      return found && hashKeyToBigInt(found)
    }
    expect([middle(5n, 5n), middle(5n, 6n), middle(5n, 7n), middle(5n, 8n)]).toEqual([undefined, 6n, 6n, 7n])
    expect(middle(0n, SPACE - 1n)).toBe(SPACE / 2n)
    expect(middle(SPACE - 2n, SPACE - 1n)).toBe(SPACE - 1n)
  })

  test('are merged only where they touch', () => {
    expect(plain(mergeRanges(range(5n, 6n), range(3n, 4n))!)).toEqual([3n, 6n])
    expect(mergeRanges(range(5n, 6n), range(2n, 3n))).toBeUndefined()
    expect(mergeRanges(range(5n, 6n), range(5n, 6n))).toBeUndefined()
    // The ends of the space do not.
    expect(mergeRanges(range(0n, 1n), range(2n, SPACE - 1n))).toBeDefined()
    expect(mergeRanges(range(0n, 1n), range(3n, SPACE - 1n))).toBeUndefined()
  })
})

describe('ShardMap', () => {
  test('every hash key belongs to exactly one shard, and is routed to it', () => {
    fc.assert(
      fc.property(cover, fc.array(hashKey, { maxLength: 20 }), (shards, keys) => {
        const map = new ShardMap(shards)
        const edges = shards.flatMap(({ range: { start, end } }) => [
          hashKeyToBigInt(start),
          hashKeyToBigInt(end),
        ])
        for (const key of [...keys, ...edges]) {
          const holders = shards.filter(
            (shard) => hashKeyToBigInt(shard.range.start) <= key && key <= hashKeyToBigInt(shard.range.end),
          )
          expect(holders.map((holder) => holder.index)).toEqual([map.route(hashKeyFromBigInt(key))])
        }
      }),
    )
  })

  test('a key can stand anywhere in an array', () => {
    const map = new ShardMap(evenRanges(4).map((each, index) => ({ index: index + 10, range: each })))
    expect(map.route(Uint32Array.of(0, 0, 0xffff_ffff, 0, 0, 0, 0), 2)).toBe(13)
  })

  test.each([
    ['nothing', []],
    ['a gap at the start', [range(1n, SPACE - 1n)]],
    ['a gap at the end', [range(0n, SPACE - 2n)]],
    ['a gap in the middle', [range(0n, 4n), range(6n, SPACE - 1n)]],
    ['an overlap', [range(0n, 5n), range(5n, SPACE - 1n)]],
    ['a range twice', [range(0n, SPACE - 1n), range(0n, SPACE - 1n)]],
    ['a range that ends before it starts', [range(0n, 9n), range(10n, 5n), range(6n, SPACE - 1n)]],
  ])('%s is no shard map', (_, ranges) => {
    expect(() => new ShardMap(ranges.map((each, index) => ({ index, range: each })))).toThrow(InvariantError)
  })
})
