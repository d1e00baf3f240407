// The sketch of heavy keys, compared with exact sums.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { certain, KeySketch } from '../../../../broker/host/load/key-sketch.ts'

const additions = fc.array(
  fc.record({ key: fc.bigInt({ min: 0n, max: 60n }), weight: fc.integer({ min: 1, max: 1000 }) }),
  { minLength: 1, maxLength: 300 },
)

describe('KeySketch', () => {
  it('finds every key with more than 1/16 of the weight, and bounds the weight of each', () => {
    fc.assert(
      fc.property(additions, (all) => {
        const sketch = new KeySketch()
        const exact = new Map<bigint, number>()
        for (const { key, weight } of all) {
          sketch.add(key, weight)
          exact.set(key, (exact.get(key) ?? 0) + weight)
        }
        const total = all.reduce((sum, { weight }) => sum + weight, 0)
        expect(sketch.total).toBe(total)
        expect(sketch.entries.length).toBeLessThanOrEqual(16)
        const found = new Map(sketch.entries.map((entry) => [entry.key, entry]))
        expect(found.size).toBe(sketch.entries.length)
        for (const [key, weight] of exact) if (weight > total / 16) expect(found.has(key)).toBe(true)
        for (const entry of sketch.entries) {
          expect(entry.weight).toBeGreaterThanOrEqual(exact.get(entry.key)!)
          expect(certain(entry)).toBeLessThanOrEqual(exact.get(entry.key)!)
        }
      }),
    )
  })

  it('finds the key with the largest certain weight, whatever is added after it', () => {
    const sketch = new KeySketch()
    sketch.add(7n, 1000)
    for (let key = 100n; key < 1100n; key++) sketch.add(key, 1)
    expect(sketch.heaviest).toEqual({ key: 7n, weight: 1000, error: 0 })
    expect(certain(sketch.heaviest!) / sketch.total).toBe(0.5)
  })

  it('lets old weights fade behind new ones', () => {
    const sketch = new KeySketch()
    sketch.add(1n, 1000)
    sketch.scale(1 / 1024)
    sketch.add(2n, 10)
    expect(sketch.heaviest!.key).toBe(2n)
    expect(sketch.total).toBeCloseTo(10 + 1000 / 1024)
  })

  it('counts unknown keys in the total, so that no key seems heavier than it is', () => {
    const sketch = new KeySketch()
    sketch.add(1n, 10)
    sketch.addUnknown(90)
    expect(certain(sketch.heaviest!) / sketch.total).toBe(0.1)
  })
})
