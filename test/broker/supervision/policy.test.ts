// The delay before the restart of a child.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { failuresInARow, restartDelayMs } from '../../../broker/supervision/policy.ts'

const backoff = { firstDelayMs: 50, delayMsMax: 10_000, stableAfterMs: 30_000 }

describe('restartDelayMs and failuresInARow', () => {
  it('give a delay between half of the step and the step, for any chance', () => {
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

  it('count a child that was never ready as a failure in a row, however long its start took', () => {
    expect(failuresInARow(4, null, backoff)).toBe(5)
    expect(failuresInARow(4, 29_999, backoff)).toBe(5)
    expect(failuresInARow(4, 30_000, backoff)).toBe(1)
  })
})
