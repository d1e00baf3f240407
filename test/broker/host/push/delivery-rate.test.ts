// The recent rate of what a subscription sends.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DeliveryRate } from '../../../../broker/host/push/delivery-rate.ts'

it('delivery rate: comes near to a steady rate, whatever its steps are', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 1000 }), (stepMs, amount) => {
      const rate = new DeliveryRate()
      let now = 1_000_000
      for (let passedMs = 0; passedMs < 60_000; passedMs += stepMs) rate.add(amount, (now += stepMs))
      const steady = (amount / stepMs) * 1000
      expect(rate.perSecond(now) / steady).toBeGreaterThan(0.9)
      expect(rate.perSecond(now) / steady).toBeLessThan(1.1)
    }),
  )
})

it('delivery rate: is 0 before the first delivery, and fades after the last one', () => {
  const rate = new DeliveryRate()
  expect(rate.perSecond(5)).toBe(0)
  rate.add(1000, 10)
  let before = rate.perSecond(10)
  for (const now of [100, 1000, 10_000, 60_000]) {
    expect(rate.perSecond(now)).toBeLessThan(before)
    before = rate.perSecond(now)
  }
  expect(before).toBeLessThan(1)
})
