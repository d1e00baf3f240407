// The time in which a closed loop's operations count.
import { expect, test } from 'vitest'
import { CountingWindow } from '../../../bench/load/counting-window.ts'

const settings = { warmUpSeconds: 1, seconds: 2 }

test('counting window: counts what ends between the warm-up and the end', () => {
  const window = new CountingWindow(0, settings)
  expect([999, 1000, 2999, 3000].map((now) => window.count(now))).toEqual([false, true, true, false])
  expect(window.seconds).toBe(2)
  expect([window.hasBegun(999), window.hasBegun(1000)]).toEqual([false, true])
})

test('counting window: stays open until one operation has counted, and is as long as that took', () => {
  const window = new CountingWindow(0, settings)
  expect(window.isOver(5000)).toBe(false)
  expect([window.count(7000), window.count(7001)]).toEqual([true, false])
  expect(window.seconds).toBe(6)
})

test('counting window: ends when it is stopped', () => {
  const window = new CountingWindow(0, settings)
  expect(window.count(1500)).toBe(true)
  window.stop(2000)
  expect([window.isOver(1999), window.isOver(2000)]).toEqual([false, true])
  expect(window.seconds).toBe(1)
})
