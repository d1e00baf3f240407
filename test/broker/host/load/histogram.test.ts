// The balanced key: it makes two parts of nearly equal weight, neither of which is empty.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Histogram } from '../../../../broker/host/load/histogram.ts'
import { KeySketch } from '../../../../broker/host/load/key-sketch.ts'

const HIGHEST = (1n << 128n) - 1n
const hashKey = fc.bigInt({ min: 0n, max: HIGHEST })

/** Generates a range of hash keys, and keys in it with weights; narrow ranges and few distinct keys are among them. */
const loads = fc
  .tuple(hashKey, fc.oneof(fc.bigInt({ min: 1n, max: 600n }), hashKey))
  .chain(([start, width]) => {
    const first = start
    const last = start + width > HIGHEST ? HIGHEST : start + width
    const key = fc.bigInt({ min: first, max: last })
    const weight = fc.integer({ min: 1, max: 1000 })
    return fc.array(key, { minLength: 1, maxLength: 20 }).chain((few) =>
      fc.record({
        first: fc.constant(first),
        last: fc.constant(last),
        added: fc.array(fc.record({ key: fc.oneof(key, fc.constantFrom(...few)), weight }), {
          minLength: 1,
          maxLength: 200,
        }),
      }),
    )
  })

function balanced(first: bigint, last: bigint, added: readonly { key: bigint; weight: number }[]) {
  const histogram = new Histogram(first, last)
  const sketch = new KeySketch()
  for (const { key, weight } of added) {
    histogram.add(key, weight)
    sketch.add(key, weight)
  }
  return histogram.balancedKey(sketch.entries)
}

const even = (first: bigint, last: bigint, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    key: first + ((last - first) * BigInt(2 * i + 1)) / BigInt(2 * count),
    weight: 1,
  }))

describe('balancedKey', () => {
  it('leaves a key on both sides for any load', () => {
    fc.assert(
      fc.property(loads, ({ first, last, added }) => {
        const key = balanced(first, last, added)
        if (first === last) expect(key).toBeUndefined()
        else {
          expect(key).toBeGreaterThan(first)
          expect(key).toBeLessThanOrEqual(last)
        }
      }),
    )
  })

  it('halves the weight to within a bin, and the heaviest key', () => {
    fc.assert(
      fc.property(loads, ({ first, last, added }) => {
        const key = balanced(first, last, added)
        if (key === undefined) return
        const sumOf = (all: typeof added) => all.reduce((sum, { weight }) => sum + weight, 0)
        const total = sumOf(added)
        const below = sumOf(added.filter((one) => one.key < key))
        // The weight of one bin, that of one key, and the sketch's error may fall to the wrong side.
        const binWidth = (last - first + 1n) / 256n + 1n
        const near = added.filter((one) => one.key >= key - binWidth && one.key <= key + binWidth)
        expect(Math.abs(below - total / 2)).toBeLessThanOrEqual(Math.max(sumOf(near), 1) + total * 1e-3)
      }),
    )
  })

  it('finds the middle of an even load, and of one in a corner of the range', () => {
    const whole = Number(balanced(0n, HIGHEST, even(0n, HIGHEST, 4096))! >> 64n) / 2 ** 64
    expect(whole).toBeCloseTo(0.5, 2)
    const quarter = HIGHEST / 4n
    const corner = Number(balanced(0n, HIGHEST, even(0n, quarter, 4096))! >> 64n) / 2 ** 64
    expect(corner).toBeCloseTo(0.125, 2)
  })

  it('divides exactly between a few keys, even within one bin', () => {
    const keys = [1000n, 1001n, 1002n, 1003n].map((key) => ({ key, weight: 10 }))
    expect(balanced(0n, HIGHEST, keys)).toBe(1002n)
  })

  it('puts a key that covers the middle on the side that balances better', () => {
    const hot = HIGHEST / 2n
    const around = (below: number, above: number) =>
      balanced(0n, HIGHEST, [
        { key: 1n, weight: below },
        { key: hot, weight: 60 },
        { key: HIGHEST - 1n, weight: above },
      ])
    expect(around(10, 30)).toBe(hot + 1n) // 70 to 30, not 10 to 90
    expect(around(30, 10)).toBe(hot) // 30 to 70, not 90 to 10
  })

  it('separates a heavy key at the edge of the range', () => {
    expect(balanced(5n, 1000n, [{ key: 5n, weight: 1 }])).toBe(6n)
    expect(balanced(5n, 1000n, [{ key: 1000n, weight: 1 }])).toBe(1000n)
  })

  it('returns undefined for a range without weight, and for a single key', () => {
    expect(balanced(0n, HIGHEST, [])).toBeUndefined()
    expect(balanced(7n, 7n, [{ key: 7n, weight: 1 }])).toBeUndefined()
    expect(balanced(10n, 20n, [{ key: 9n, weight: 1 }])).toBeUndefined()
  })
})
