// Promises of the clock that leases end by: it runs with time that is looked at, and stands still while nobody looks.
import { expect, it } from 'vitest'
import { LeaseClock } from '../../../../broker/control/groups/lease-clock.ts'
import { ManualTime } from '../../../support/manual-time.ts'

it('runs with the time, however often it is looked at', () => {
  const time = new ManualTime()
  const clock = new LeaseClock(time.elapsed)
  for (let ms = 0; ms < 60_000; ms += 250) {
    time.advance(250)
    clock.now()
  }
  expect(clock.now()).toBe(60_000)
})

it('stands still while the process does', () => {
  const time = new ManualTime()
  const clock = new LeaseClock(time.elapsed)
  time.advance(1_000)
  expect(clock.now()).toBe(1_000)
  time.advance(3_600_000)
  expect(clock.now()).toBe(2_500)
})

it('does not follow the wall clock', () => {
  const time = new ManualTime()
  const clock = new LeaseClock(time.elapsed)
  time.jump(-3_600_000)
  expect(clock.now()).toBe(0)
})

it('counts whole milliseconds, and loses no part of one', () => {
  let elapsed = 0
  const clock = new LeaseClock(() => elapsed)
  for (let look = 1; look <= 40; look++) {
    elapsed = look * 0.25
    expect(clock.now()).toBe(Math.floor(elapsed))
  }
})
