// The bound on the queued output of all sessions, and which sessions are cut above it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OutputBudget, OutputShare } from '../../../broker/server/output-budget.ts'
import { InvariantError } from '../../../protocol/index.ts'

const MiB = 1024 * 1024

const budgetOf = (bytesMax: number) => new OutputBudget({ bytesMax, highWaterBytesMax: 4 * MiB })

describe('OutputBudget', () => {
  it('cutOrder: sessions that take nothing come first, the largest of them first; those that hold nothing are left out', () => {
    const senders = [
      { name: 'large reader', heldBytes: 90, isTaking: true },
      { name: 'small', heldBytes: 10, isTaking: false },
      { name: 'empty', heldBytes: 0, isTaking: false },
      { name: 'large', heldBytes: 40, isTaking: false },
    ]
    expect(
      budgetOf(100)
        .cutOrder(senders)
        .map(({ name }) => name),
    ).toEqual(['large', 'small', 'large reader'])
  })

  it('hold and release: count a buffer once, from its first holder to its last', () => {
    const budget = budgetOf(100)
    const buffer = new ArrayBuffer(60)
    budget.hold(buffer)
    budget.hold(buffer)
    expect([budget.bytes, budget.isExceeded]).toEqual([60, false])
    budget.hold(new ArrayBuffer(60))
    expect([budget.bytes, budget.isExceeded]).toEqual([120, true])
    budget.release(buffer)
    expect(budget.bytes).toBe(120)
    budget.release(buffer)
    expect(budget.bytes).toBe(60)
    expect(() => budget.release(buffer)).toThrow(InvariantError)
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

  it('answerBytes: falls as memory is used up, to the share of a session', () => {
    const budget = budgetOf(256 * MiB)
    const answers = (sessions: number) => budget.answerBytes(sessions)
    expect([answers(1), answers(100_000)]).toEqual([32 * MiB, 32 * MiB])
    budget.hold(new ArrayBuffer(192 * MiB))
    expect([answers(1), answers(100_000)]).toEqual([8 * MiB, 8 * MiB])
    budget.hold(new ArrayBuffer(128 * MiB))
    expect([answers(1), answers(100_000)]).toEqual([4 * MiB, 128 * 1024])
  })
})

describe('OutputShare', () => {
  it('counts the whole buffer that a chunk lies in, until the last chunk in it is taken', () => {
    const budget = budgetOf(100)
    const share = new OutputShare(budget)
    const bytes = new Uint8Array(60)
    share.hold(bytes.subarray(0, 1))
    share.hold(bytes.subarray(59))
    expect([share.bytes, budget.bytes]).toEqual([60, 60])
    share.release(bytes.subarray(0, 1))
    expect([share.bytes, budget.bytes]).toEqual([60, 60])
    share.release(bytes.subarray(59))
    expect([share.bytes, budget.bytes]).toEqual([0, 0])
  })

  it('counts nothing after giveUp, whatever is taken later', () => {
    const budget = budgetOf(100)
    const [one, other] = [new OutputShare(budget), new OutputShare(budget)]
    const chunk = new Uint8Array(60)
    one.hold(chunk)
    other.hold(new Uint8Array(60))
    expect([budget.bytes, budget.isExceeded]).toEqual([120, true])
    one.giveUp()
    one.release(chunk)
    one.hold(chunk)
    expect([one.bytes, budget.bytes, budget.isExceeded]).toEqual([0, 60, false])
  })

  it('keeps the budget at the sum of all buffers that some session holds', () => {
    const step = fc.record({ session: fc.nat(2), buffer: fc.nat(4), takes: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const budget = budgetOf(100)
        const shares = [0, 1, 2].map(() => new OutputShare(budget))
        const chunks = [1, 2, 4, 8, 16].map((length) => new Uint8Array(length))
        const held = shares.map(() => chunks.map(() => 0))
        for (const { session, buffer, takes } of steps) {
          const counts = held[session]!
          if (takes && counts[buffer] === 0) continue
          counts[buffer]! += takes ? -1 : 1
          shares[session]![takes ? 'release' : 'hold'](chunks[buffer]!)
        }
        const isHeld = chunks.map((_, buffer) => held.some((counts) => counts[buffer]! > 0))
        const sum = chunks.reduce((bytes, { length }, i) => bytes + (isHeld[i] ? length : 0), 0)
        expect(budget.bytes).toBe(sum)
      }),
    )
  })
})
