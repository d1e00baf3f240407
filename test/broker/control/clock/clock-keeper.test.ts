// ClockKeeper keeps the time over restarts, and tells it to the hosts.
import { describe, expect, it } from 'vitest'
import { parseClockRecord } from '../../../../broker/control/clock/clock-record.ts'
import type { ClockReading } from '../../../../broker/host-contract.ts'
import { FakeHosts } from '../support/fake-hosts.ts'
import { FakeTime } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const YEAR = 365 * 24 * HOUR

/** Fake time whose wall clock the test can set wrong. */
class WrongTime extends FakeTime {
  error = 0
  override now = (): number => this.elapsed() + this.error
}

function opened(time = new WrongTime(), catalog = new MemoryCatalog()) {
  const hosts = new FakeHosts()
  const told: ClockReading[] = []
  const started: (ClockReading | null)[] = []
  hosts.behaviour = () => ({
    start: ({ settings }) => {
      started.push(settings.clock)
      return { port: 1, absentOwners: [] }
    },
    followClock: (reading) => {
      told.push(reading)
      return null
    },
  })
  const open = () => TestController.open(catalog, { fakeHosts: hosts, time })
  return { time, catalog, told, started, open, hosts }
}

describe('ClockKeeper', () => {
  it('tells hosts the time at their start and from then on, whatever the wall clock says', async () => {
    const { time, told, started, open, hosts } = opened()
    const { controller } = await open()
    time.error = 10 * YEAR
    await time.advance(MINUTE)
    const { now, expiryNow, holds } = told.at(-1)!
    expect([now, holds]).toEqual([expiryNow, []])
    expect(time.elapsed() - now).toBeLessThanOrEqual(5_000)
    hosts.host(1).crash()
    await time.advance(MINUTE)
    expect(started.at(-1)!.now).toBeLessThanOrEqual(time.elapsed())
    expect(controller.now()).toBe(time.elapsed())
    const count = told.length
    time.error = 0
    await time.advance(MINUTE)
    expect(told.length).toBeGreaterThan(count)
    expect(controller.now()).toBe(time.now())
  })

  it('gives the catalog the right creation time of a stream while the wall clock is wrong', async () => {
    const { time, open } = opened()
    const test = await open()
    time.error = -10 * YEAR
    await test.ask('createStream', { name: 's', shardCount: 1 })
    expect((await test.ask('describeStream', { name: 's' })).stream.createdAt).toBe(time.elapsed())
  })

  it('keeps the time and its holds over a restart', async () => {
    const { time, catalog, open } = opened()
    await open()
    await time.advance(HOUR)
    time.error = HOUR
    await time.advance(20 * MINUTE)
    const record = parseClockRecord(catalog.note!)!
    expect(record.holds).toHaveLength(1)
    expect(record.holds[0]!.until - record.holds[0]!.from).toBeGreaterThanOrEqual(HOUR)
    time.error = 10 * YEAR
    const { controller } = await opened(time, catalog).open()
    expect(Math.abs(controller.now() - time.elapsed() - HOUR)).toBeLessThanOrEqual(MINUTE)
  })

  it('begins anew where its record cannot be read', async () => {
    for (const note of [
      '',
      '{',
      '[]',
      'null',
      '{"now":"yesterday"}',
      '{"now":1,"expiryNow":1,"suspectFrom":null,"wellMs":0,"holds":[{}]}',
    ]) {
      const { time, catalog, open } = opened()
      catalog.note = note
      expect((await open()).controller.now()).toBe(time.now())
      expect(parseClockRecord(catalog.note)).toBeDefined()
    }
  })
})
