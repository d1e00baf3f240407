// Promises of the broker's clock as a client knows it: whole milliseconds, few requests, and never later than it is.
import { expect, it } from 'vitest'
import { BrokerClock } from '../../../client/prepared/broker-clock.ts'
import { preparedLimits } from '../../../client/prepared/options.ts'

it("goes on by the client's clock in whole milliseconds, and is asked for again when that is long ago", async () => {
  let now = 0.75
  let asked = 0
  const ask = () => {
    asked++
    // The answer takes a while.
    now += 40.5
    return Promise.resolve(5_000_000)
  }
  const clock = new BrokerClock(ask, { monotonic: () => now, clock: () => 1_000 + now })
  const { signal } = new AbortController()
  expect(await clock.time(signal)).toBe(5_000_000)
  now += 10.2
  // From when the answer came: the broker may have looked at its clock long before.
  expect([await clock.time(signal), asked]).toEqual([5_000_010, 1])
  now += preparedLimits.clockAgeMs
  expect([await clock.time(signal), asked]).toEqual([5_000_000, 2])
  expect([await clock.ask(signal), asked]).toEqual([5_000_000, 3])
})

it('is asked for again where the machine slept: its monotonic clock stands still then', async () => {
  let now = 0
  let slept = 0
  let broker = 5_000_000
  const monotonic = () => now
  const clock = new BrokerClock(() => Promise.resolve(broker), {
    monotonic,
    clock: () => 1_000 + now + slept,
  })
  const { signal } = new AbortController()
  expect(await clock.time(signal)).toBe(5_000_000)
  now += 10
  slept = 3_600_000
  broker += 3_600_010
  expect(await clock.time(signal)).toBe(8_600_010)
})
