// How long a child that ended waits for its restart.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { failuresInARow, restartDelayMs } from '../../broker/supervision/policy.ts'

const backoff = { firstDelayMs: 50, delayMsMax: 10_000, stableAfterMs: 30_000 }

describe('restart delays', () => {
  it('lie between half of the step and the step, whatever chance says', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (failures, chance) => {
          const step = Math.min(10_000, 50 * 2 ** (failures - 1))
          const delayMs = restartDelayMs(failures, chance, backoff)
          expect(delayMs).toBeGreaterThanOrEqual(step / 2)
          expect(delayMs).toBeLessThanOrEqual(step)
        },
      ),
    )
  })

  it('a child that never got ready has not served, however long it took', () => {
    expect(failuresInARow(4, null, backoff)).toBe(5)
    expect(failuresInARow(4, 29_999, backoff)).toBe(5)
    expect(failuresInARow(4, 30_000, backoff)).toBe(1)
  })
})
