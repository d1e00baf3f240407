// The token bucket: what gets through over time, and that the waits it gives are exact.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TokenBucket } from '../../../protocol/shards/token-bucket.ts'

const rate = fc.integer({ min: 1, max: 1_000_000 })
const steps = fc.array(
  fc.record({ pauseMs: fc.integer({ min: 0, max: 3000 }), amount: fc.integer({ min: 1, max: 3_000_000 }) }),
  { minLength: 1, maxLength: 60 },
)

describe('TokenBucket', () => {
  it('admits work of any size while it has no debt, and then gives the wait to the millisecond', () => {
    const bucket = new TokenBucket(1000)
    expect(bucket.waitMs(0)).toBe(0)
    bucket.take(5000, 0) // one second was saved, so the debt is four
    expect(bucket.waitMs(0)).toBe(4001)
    expect(bucket.waitMs(3999)).toBe(2)
    expect(bucket.waitMs(4000)).toBe(1)
    expect(bucket.waitMs(4001)).toBe(0)
  })

  it('saves one second and no more', () => {
    const bucket = new TokenBucket(1000)
    bucket.take(1, 0)
    const later = 3_600_000
    bucket.take(999, later)
    expect(bucket.waitMs(later)).toBe(0)
    bucket.take(1, later)
    expect(bucket.waitMs(later)).toBe(1)
  })

  it('admits work after the wait that it gives, and not before', () => {
    fc.assert(
      fc.property(rate, steps, (perSecond, work) => {
        const bucket = new TokenBucket(perSecond)
        let now = 0
        for (const { pauseMs, amount } of work) {
          now += pauseMs
          const waitMs = bucket.waitMs(now)
          if (waitMs > 0) {
            expect(bucket.waitMs(now + waitMs - 1)).toBeGreaterThan(0)
            expect(bucket.waitMs(now + waitMs)).toBe(0)
            now += waitMs
          }
          bucket.take(amount, now)
        }
      }),
    )
  })

  it('lets through no more than its rate, one saved second, and the last piece of work', () => {
    fc.assert(
      fc.property(rate, steps, (perSecond, work) => {
        const bucket = new TokenBucket(perSecond)
        let now = 0
        let through = 0
        let last = 0
        for (const { pauseMs, amount } of work) {
          now += pauseMs
          if (bucket.waitMs(now) > 0) continue
          bucket.take(amount, now)
          through += amount
          last = amount
        }
        expect(through).toBeLessThanOrEqual(perSecond * (1 + now / 1000) + last + 1)
      }),
    )
  })

  it('takes back the cost of work that was not done', () => {
    const bucket = new TokenBucket(1000)
    bucket.take(2500, 0)
    bucket.give(2500)
    bucket.take(999, 0)
    expect(bucket.waitMs(0)).toBe(0)
  })

  it('pays a debt off sooner at a higher rate, and never later than the wait that it gave', () => {
    fc.assert(
      fc.property(rate, rate, fc.integer({ min: 1, max: 10_000_000 }), (before, after, amount) => {
        const bucket = new TokenBucket(before)
        bucket.take(amount, 0)
        const told = bucket.waitMs(0)
        bucket.setRate(after, 0)
        const expected = after > before ? Math.max(0, amount - before) / after : (amount - before) / before
        expect(bucket.waitMs(0)).toBeLessThanOrEqual(told)
        if (expected > 0) expect(bucket.waitMs(0)).toBeCloseTo(expected * 1000, -1)
        else expect(bucket.waitMs(0)).toBeLessThanOrEqual(1)
      }),
    )
  })
})
