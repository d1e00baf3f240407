// Addresses from which too many credentials were refused.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LoginGate } from '../../../../broker/access/quotas/login-gate.ts'

function gateOf(failuresPerSecond: number, addressesMax = 100) {
  const clock = { now: 0 }
  return { clock, gate: new LoginGate({ failuresPerSecond, elapsed: () => clock.now, addressesMax }) }
}

describe('LoginGate', () => {
  it('turns an address away after too many failures, for no longer than a second, and no other address', () => {
    const { gate, clock } = gateOf(10)
    for (let i = 0; i < 10_000; i++) gate.failed('a')
    expect(gate.waitMs('b')).toBe(0)
    const waitMs = gate.waitMs('a')
    expect(waitMs).toBeGreaterThan(0)
    expect(waitMs).toBeLessThanOrEqual(1101)
    clock.now += waitMs
    expect(gate.waitMs('a')).toBe(0)
  })

  it('lets everybody at an address in where somebody has logged in lately, however many fail there', () => {
    const { gate, clock } = gateOf(10)
    gate.succeeded('a')
    for (let i = 0; i < 10_000; i++) gate.failed('a')
    expect(gate.waitMs('a')).toBe(0)
    // The one who fails is told to wait all the same.
    expect(gate.failed('a')).toBeGreaterThan(0)
    clock.now += 600_000
    for (let i = 0; i < 100; i++) gate.failed('a')
    expect(gate.waitMs('a')).toBeGreaterThan(0)
  })

  it('does nothing without a quota', () => {
    const { gate } = gateOf(Infinity)
    for (let i = 0; i < 1000; i++) expect(gate.failed('a')).toBe(0)
    expect(gate.waitMs('a')).toBe(0)
    expect(gate.size).toBe(0)
  })

  it('keeps a bounded number of addresses, and locks none out for longer than a second', () => {
    const steps = fc.array(
      fc.record({
        address: fc.integer({ min: 0, max: 50 }).map(String),
        fails: fc.boolean(),
        laterMs: fc.integer({ min: 0, max: 300 }),
      }),
    )
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 20 }), (all, rate) => {
        const { gate, clock } = gateOf(rate, 16)
        for (const { address, fails, laterMs } of all) {
          clock.now += laterMs
          if (fails) gate.failed(address)
          else gate.succeeded(address)
          expect(gate.size).toBeLessThanOrEqual(16)
          expect(gate.waitMs(address)).toBeLessThanOrEqual(1000 + 1000 / rate + 1)
        }
        clock.now += 2001
        for (let i = 0; i <= 50; i++) expect(gate.waitMs(String(i))).toBe(0)
      }),
    )
  })
})
