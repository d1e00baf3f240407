// Partition keys of a load: their number, how often each is used, and what is no distribution.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseKeys } from '../../../../cli/load-test/records/key-space.ts'
import { seededRandom } from '../../../../cli/load-test/records/random.ts'

function counted(text: string, draws: number, seed = 1): number[] {
  const keys = parseKeys(text)
  const choose = keys.chooser(seededRandom(seed))
  const counts = Array.from({ length: keys.count }, () => 0)
  for (let draw = 0; draw < draws; draw++) counts[choose()]!++
  return counts
}

/** What is left between a count and its mean, in standard deviations. */
function deviation(count: number, draws: number, probability: number): number {
  return Math.abs(count - draws * probability) / Math.sqrt(draws * probability * (1 - probability))
}

describe('keys of a load', () => {
  it('are all that were asked for, and no other, whatever the distribution', () => {
    const distributions = fc.record({
      kind: fc.constantFrom('uniform', 'zipf'),
      count: fc.integer({ min: 1, max: 2000 }),
      seed: fc.nat(),
    })
    fc.assert(
      fc.property(distributions, ({ kind, count, seed }) => {
        const choose = parseKeys(`${kind}:${count}`).chooser(seededRandom(seed))
        for (let draw = 0; draw < 200; draw++) {
          const key = choose()
          expect(Number.isInteger(key) && key >= 0 && key < count).toBe(true)
        }
      }),
    )
    expect(parseKeys('single').chooser(seededRandom(1))()).toBe(0)
  })

  it('uniform: each is as frequent as the others', () => {
    const draws = 100_000
    for (const count of counted('uniform:50', draws)) {
      expect(deviation(count, draws, 1 / 50)).toBeLessThan(5)
    }
  })

  it.each([1, 0.5, 1.5])('zipf with exponent %d: rank r has its share of 1 / r^s', (exponent) => {
    const draws = 200_000
    const counts = counted(`zipf:100:${exponent}`, draws)
    const whole = counts.reduce((sum, _, rank) => sum + (rank + 1) ** -exponent, 0)
    for (const [rank, count] of counts.entries()) {
      expect(deviation(count, draws, (rank + 1) ** -exponent / whole)).toBeLessThan(5)
    }
  })

  it('are the same in the same order for the same seed, and others for another', () => {
    expect(counted('zipf:20', 500, 7)).toEqual(counted('zipf:20', 500, 7))
    expect(counted('zipf:20', 500, 7)).not.toEqual(counted('zipf:20', 500, 8))
  })

  it.each([
    'uniform',
    'uniform:0',
    'uniform:2:1',
    'zipf:',
    'zipf:5:0',
    'zipf:5:11',
    'zipf:5:x',
    'zipf:1000001',
    'one',
    '',
  ])('%s is refused with what to write', (text) => {
    expect(() => parseKeys(text)).toThrow('Expected uniform:N, zipf:N')
  })

  it('say what they are', () => {
    expect(
      ['single', 'uniform:1', 'uniform:1000', 'zipf:10:1.2'].map((text) => parseKeys(text).text),
    ).toEqual(['one key', '1 key', '1,000 keys', '10 keys, zipf 1.2'])
  })
})
