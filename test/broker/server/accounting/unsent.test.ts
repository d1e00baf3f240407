// Whose sessions are cut when an account has too much unsent output.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Accounts } from '../../../../broker/access/quotas/accounts.ts'
import { noQuotaSettings } from '../../../../broker/access/quotas/quotas.ts'
import { SessionUsage } from '../../../../broker/access/quotas/session-usage.ts'
import { overdrawn } from '../../../../broker/server/accounting/unsent.ts'
import { OutputBudget } from '../../../../broker/server/output-budget.ts'

const { cutOrder } = OutputBudget.prototype

function sessionsOf(quota: number) {
  const accounts = new Accounts({
    settings: {
      ...noQuotaSettings,
      principals: { shop: { unsentBytes: quota }, bank: { unsentBytes: Infinity } },
    },
    elapsed: () => 0,
  })
  return (principal: string, buffers: readonly ArrayBuffer[], isTaking = true) => {
    const usage = new SessionUsage(accounts, undefined, () => {})
    usage.identify(principal)
    return {
      usage,
      output: { buffers },
      isTaking,
      heldBytes: buffers.reduce((sum, { byteLength }) => sum + byteLength, 0),
    }
  }
}

describe('overdrawn', () => {
  it('cuts nobody within the quota, and counts a buffer of several sessions once', () => {
    const session = sessionsOf(100)
    const shared = new ArrayBuffer(100)
    const all = Array.from({ length: 50 }, () => session('shop', [shared]))
    expect(overdrawn(all, cutOrder)).toEqual([])
  })

  it('cuts first those that take nothing, then the largest, and none of another account', () => {
    const session = sessionsOf(100)
    const idle = session('shop', [new ArrayBuffer(10)], false)
    const large = session('shop', [new ArrayBuffer(80)])
    const small = session('shop', [new ArrayBuffer(70)])
    const other = session('bank', [new ArrayBuffer(100_000)], false)
    expect(overdrawn([small, other, large, idle], cutOrder).map((cut) => cut.session)).toEqual([idle, large])
  })

  it('leaves what is left within the quota, and cuts no more than that takes', () => {
    const sessions = fc.array(
      fc.record({
        // Places of shared buffers.
        held: fc.uniqueArray(fc.integer({ min: 0, max: 9 })),
        isTaking: fc.boolean(),
      }),
    )
    fc.assert(
      fc.property(sessions, fc.integer({ min: 0, max: 300 }), (all, quota) => {
        const session = sessionsOf(quota)
        const buffers = Array.from({ length: 10 }, (_, i) => new ArrayBuffer(10 + i * 7))
        const made = all.map(({ held, isTaking }) =>
          session(
            'shop',
            held.map((i) => buffers[i]!),
            isTaking,
          ),
        )
        const cut = overdrawn(made, cutOrder).map((each) => each.session)
        const bytesOf = (left: typeof made) =>
          [...new Set(left.flatMap((each) => each.output.buffers))].reduce(
            (sum, { byteLength }) => sum + byteLength,
            0,
          )
        const left = made.filter((each) => !cut.includes(each))
        expect(bytesOf(left)).toBeLessThanOrEqual(quota)
        const last = cut.at(-1)
        if (last !== undefined) expect(bytesOf([...left, last])).toBeGreaterThan(quota)
      }),
    )
  })
})
