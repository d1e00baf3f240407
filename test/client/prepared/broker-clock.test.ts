// The broker's time as a prepared writer knows it between two answers.
import { expect, it } from 'vitest'
import { BrokerClock } from '../../../client/prepared/broker-clock.ts'

it('the broker’s time is a whole number, as plans need it, although the monotonic clock has fractions', async () => {
  let monotonic = 10.25
  const clock = new BrokerClock(() => Promise.resolve(1_767_225_600_000), { monotonic: () => monotonic })
  const { signal } = new AbortController()
  expect(await clock.time(signal)).toBe(1_767_225_600_000)
  monotonic += 5.5
  expect(await clock.time(signal)).toBe(1_767_225_600_005)
})
