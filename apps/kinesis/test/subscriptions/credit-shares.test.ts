// What the broker may send ahead of subscriptions, all together.
import { expect, it } from 'vitest'
import { CreditShares } from '../../src/subscriptions/credit-shares.ts'
import { feedLimits } from '../../src/subscriptions/feed-limits.ts'

it('few subscriptions have the whole credit of one each, and many share the total', () => {
  const shares = new CreditShares()
  const held = Array.from({ length: 500 }, () => shares.take())
  expect(held[0]!.bytes).toBe(feedLimits.creditBytesMax)
  expect(held.at(-1)!.bytes).toBe(feedLimits.creditBytesMin)
  for (const { bytes } of held) {
    expect(bytes).toBeGreaterThanOrEqual(feedLimits.creditBytesMin)
    expect(bytes).toBeLessThanOrEqual(feedLimits.creditBytesMax)
  }
  expect(shares.bytes).toBe(held.reduce((sum, { bytes }) => sum + bytes, 0))
  // A share that is given back twice counts once.
  for (const { release } of [...held, ...held]) release()
  expect(shares.bytes).toBe(0)
  expect(shares.take().bytes).toBe(feedLimits.creditBytesMax)
})

it('what is above the total is the least share of each and no more', () => {
  const shares = new CreditShares()
  const count = 4096
  for (let i = 0; i < count; i++) shares.take()
  expect(shares.bytes).toBeLessThanOrEqual(feedLimits.creditBytesTotal + count * feedLimits.creditBytesMin)
})
