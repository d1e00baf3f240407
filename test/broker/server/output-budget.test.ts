// The bound on the queued output of all sessions, and which sessions are cut above it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OutputBudget, OutputShare } from '../../../broker/server/output-budget.ts'

const MiB = 1024 * 1024

const budgetOf = (bytesMax: number) => new OutputBudget({ bytesMax, highWaterBytesMax: 4 * MiB })

describe('OutputBudget', () => {
  it('toCut: cuts sessions that take nothing first, the largest of them first, and no more than needed', () => {
    const budget = budgetOf(100)
    const senders = [
      { name: 'large reader', countedBytes: 90, isTaking: true },
      { name: 'small', countedBytes: 10, isTaking: false },
      { name: 'large', countedBytes: 40, isTaking: false },
    ]
    budget.change(140)
    expect(budget.toCut(senders).map(({ name }) => name)).toEqual(['large'])
    budget.change(40)
    expect(budget.toCut(senders).map(({ name }) => name)).toEqual(['large', 'small', 'large reader'])
  })

  it('toCut: leaves no more than the budget, and cuts no session within the budget', () => {
    const sender = fc.record({ countedBytes: fc.nat(1000), isTaking: fc.boolean() })
    fc.assert(
      fc.property(fc.array(sender), fc.nat(5000), (senders, bytesMax) => {
        const budget = budgetOf(bytesMax)
        const sum = senders.reduce((bytes, { countedBytes }) => bytes + countedBytes, 0)
        budget.change(sum)
        const cut = budget.toCut(senders)
        const freed = cut.reduce((bytes, { countedBytes }) => bytes + countedBytes, 0)
        expect(sum - freed).toBeLessThanOrEqual(bytesMax)
        if (sum <= bytesMax) expect(cut).toEqual([])
        const spared = senders.filter((one) => !cut.includes(one) && !one.isTaking && one.countedBytes > 0)
        if (spared.length > 0) expect(cut.filter(({ isTaking }) => isTaking)).toEqual([])
      }),
    )
  })

  it('highWaterBytes: falls as the number of sessions rises, within bounds', () => {
    const budget = budgetOf(256 * MiB)
    expect([1, 32, 64, 100_000].map((sessions) => budget.highWaterBytes(sessions))).toEqual([
      4 * MiB,
      4 * MiB,
      2 * MiB,
      128 * 1024,
    ])
  })
})

describe('OutputShare', () => {
  it('counts the queued bytes of a session, and none after giveUp', () => {
    const budget = budgetOf(100)
    const [one, other] = [new OutputShare(budget), new OutputShare(budget)]
    expect([one.set(60), other.set(60), budget.bytes]).toEqual([false, true, 120])
    one.giveUp()
    expect([budget.bytes, one.set(1000), budget.bytes]).toEqual([60, false, 60])
  })
})
