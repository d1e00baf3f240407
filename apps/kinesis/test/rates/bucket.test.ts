// The bucket that limits are counted with, to the unit and the millisecond.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bucket } from '../../src/rates/bucket.ts'

const asked = fc.array(
  fc.record({ amount: fc.integer({ min: 1, max: 3000 }), after: fc.integer({ min: 0, max: 700 }) }),
  { minLength: 1, maxLength: 60 },
)
const rates = fc.integer({ min: 1, max: 2000 })

describe('a bucket', () => {
  it('never lets through more than its rate and one second that was saved, or one that is larger than that', () => {
    fc.assert(
      fc.property(rates, asked, (rate, steps) => {
        const bucket = new Bucket(rate, 0)
        const taken: { at: number; amount: number }[] = []
        let now = 0
        for (const { amount, after } of steps) {
          now += after
          if (!bucket.fits(amount, now)) continue
          bucket.take(amount, now)
          taken.push({ at: now, amount })
        }
        for (const [i, first] of taken.entries()) {
          let sum = 0
          for (const { at, amount } of taken.slice(i)) {
            sum += amount
            const most = rate + ((at - first.at) * rate) / 1000
            expect(sum).toBeLessThanOrEqual(Math.max(most, most - rate + amount) + 1e-6)
          }
        }
      }),
    )
  })

  it('lets through whatever fits: as much as was saved, and no less', () => {
    fc.assert(
      fc.property(rates, asked, (rate, steps) => {
        const bucket = new Bucket(rate, 0)
        // Thousandths, as whole numbers.
        let saved = rate * 1000
        let now = 0
        for (const { amount, after } of steps) {
          now += after
          saved = Math.min(rate * 1000, saved + after * rate)
          const fits = saved >= Math.min(amount, rate) * 1000
          expect(bucket.fits(amount, now)).toBe(fits)
          if (!fits) continue
          bucket.take(amount, now)
          saved -= amount * 1000
        }
      }),
    )
  })

  it('takes what is larger than a second of its rate when it is full, and nothing until that is paid', () => {
    const bucket = new Bucket(1000, 0)
    bucket.take(1, 0)
    expect(bucket.fits(10_000, 0)).toBe(false)
    expect(bucket.fits(10_000, 1)).toBe(true)
    bucket.take(10_000, 1)
    expect(bucket.fits(1, 9001)).toBe(false)
    expect(bucket.fits(1, 9002)).toBe(true)
  })

  it('makes a cost that is known afterwards wait in full where it is more than a second of the rate', () => {
    const bucket = new Bucket(2000, 0)
    bucket.takeAfterwards(10_000, 0)
    expect(bucket.isOpen(5000)).toBe(false)
    expect(bucket.isOpen(5001)).toBe(true)
    const small = new Bucket(2000, 0)
    small.takeAfterwards(2000, 0)
    expect(small.isOpen(0)).toBe(false)
    expect(small.isOpen(1)).toBe(true)
  })

  it('is neither filled nor stopped by a clock that is set back', () => {
    const bucket = new Bucket(10, 1_000_000)
    bucket.take(10, 1_000_000)
    expect(bucket.fits(1, 0)).toBe(false)
    expect(bucket.fits(1, 100)).toBe(true)
  })

  it('keeps no more than a lower rate saves, and fills at a new one', () => {
    const bucket = new Bucket(100, 0)
    bucket.setRate(10, 0)
    bucket.take(10, 0)
    expect(bucket.fits(1, 99)).toBe(false)
    expect(bucket.fits(1, 100)).toBe(true)
    bucket.setRate(1000, 100)
    expect(bucket.fits(999, 1100)).toBe(true)
  })
})
