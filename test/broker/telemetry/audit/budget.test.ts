// The limit on how many audit lines one source causes.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AuditBudget } from '../../../../broker/telemetry/audit/budget.ts'

function budgetOf(options: { linesMax: number; windowsMax?: number }) {
  const clock = { now: 0 }
  const budget = new AuditBudget<'denied' | 'failed'>({
    windowMs: 100,
    windowsMax: 100,
    ...options,
    elapsed: () => clock.now,
  })
  return { clock, budget }
}

describe('AuditBudget', () => {
  it('admits: the first lines of a source and event, and tells the number of the others when the window ends', () => {
    const { clock, budget } = budgetOf({ linesMax: 2 })
    expect([1, 2, 3, 4].map(() => budget.admits('denied', 'shop'))).toEqual([true, true, false, false])
    expect(budget.admits('failed', 'shop')).toBe(true)
    expect(budget.admits('denied', 'bank')).toBe(true)
    expect(budget.ended()).toEqual([])
    clock.now = 100
    expect(budget.ended()).toEqual([{ event: 'denied', source: 'shop', lines: 2 }])
    expect(budget.size).toBe(0)
    expect(budget.admits('denied', 'shop')).toBe(true)
  })

  it('loses no line uncounted and keeps no more windows than it may, whoever asks how often', () => {
    const asks = fc.array(
      fc.record({
        event: fc.constantFrom('denied' as const, 'failed' as const),
        source: fc.integer({ min: 0, max: 30 }).map((n) => `10.0.0.${n}`),
        laterMs: fc.integer({ min: 0, max: 60 }),
      }),
    )
    fc.assert(
      fc.property(asks, (all) => {
        const { clock, budget } = budgetOf({ linesMax: 3, windowsMax: 8 })
        let written = 0
        let leftOut = 0
        for (const { event, source, laterMs } of all) {
          clock.now += laterMs
          for (const { lines } of budget.ended()) leftOut += lines
          if (budget.admits(event, source)) written++
          expect(budget.size).toBeLessThanOrEqual(8 + 2)
        }
        for (const { lines } of budget.ended({ all: true })) leftOut += lines
        expect(written + leftOut).toBe(all.length)
      }),
    )
  })
})
