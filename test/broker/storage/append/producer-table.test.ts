// Decisions about idempotent producers' batches, and the bound on remembered producers.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../../../protocol/limits.ts'
import { decideOnBatch } from '../../../../broker/storage/append/producer-decision.ts'
import { ProducerTable, type Producer } from '../../../../broker/storage/append/producer-table.ts'

/** The origin of a producer that no session or address is charged for. */
const SOMEBODY = { tag: 1, holder: 0, address: 0, most: 0 }

/** A batch of the producer with tag 1. The checksum stands for the content; by default it depends on the number alone. */
const batch = (firstSequence: number, recordCount = 1, epoch = 0, bodyCrc = firstSequence) => ({
  ...SOMEBODY,
  firstSequence,
  recordCount,
  epoch,
  bodyCrc,
})

function tableOf(max?: number, elapsed: () => number = () => 0) {
  const forgotten: number[] = []
  const onForget = ({ producerId }: Producer) => void forgotten.push(producerId)
  return { table: new ProducerTable({ elapsed, onForget, ...(max !== undefined && { max }) }), forgotten }
}

/** A producer that has stored `count` batches of two records, at 100, 102, … */
function producerAfter(count: number, epoch = 0): Producer {
  const { table } = tableOf()
  const producer = table.add(1, 7, SOMEBODY)
  for (let i = 0; i < count; i++)
    table.store(producer, batch(i * 2, 2, epoch), { base: 100 + i * 2, arrival: i })
  return producer
}

describe('decideOnBatch', () => {
  test('requires an unknown producer to begin at 0', () => {
    expect(decideOnBatch(undefined, batch(0))).toBe('store')
    expect(decideOnBatch(undefined, batch(5))).toBe('outOfOrderSequence')
  })

  test('stores the next batch, refuses a gap', () => {
    const producer = producerAfter(3)
    expect(decideOnBatch(producer, batch(6))).toBe('store')
    expect(decideOnBatch(producer, batch(7))).toBe('outOfOrderSequence')
  })

  test('answers a repeated batch of the window with its stored position', () => {
    const producer = producerAfter(20)
    for (let i = 12; i < 20; i++) {
      expect(decideOnBatch(producer, batch(i * 2, 2))).toMatchObject({ base: 100 + i * 2, arrival: i })
    }
    expect(decideOnBatch(producer, batch(22, 2))).toBe('duplicateTooOld')
  })

  test('refuses other content under the numbers of a stored batch', () => {
    const producer = producerAfter(4)
    expect(decideOnBatch(producer, batch(2, 2, 0, 99))).toBe('sequenceReused')
    expect(decideOnBatch(producer, batch(2, 2))).toMatchObject({ base: 102 })
  })

  test('refuses a batch that shares some numbers with a stored one', () => {
    const producer = producerAfter(12)
    const [oldest] = producer.window
    expect(oldest!.firstSequence).toBe(8)
    for (const [first, count] of [
      [10, 1], // the first half of a batch
      [11, 1], // the second half of a batch
      [11, 2], // parts of two batches
      [10, 4], // two batches at once
      [22, 3], // beyond the newest
      [7, 2], // from below the window into it
      [0, 40], // everything
    ] as const) {
      expect(decideOnBatch(producer, batch(first, count)), `${count} from ${first}`).toBe('sequenceReused')
    }
    expect(decideOnBatch(producer, batch(6, 2))).toBe('duplicateTooOld')
    expect(decideOnBatch(producer, batch(3, 5))).toBe('duplicateTooOld')
  })

  test('refuses every batch under an id that another producer uses', () => {
    const producer = producerAfter(3, 4)
    const foreign = [batch(6, 1, 4), batch(0, 1, 5), batch(4, 2, 4), batch(9, 1, 4), batch(0, 1, 3)]
    for (const sent of foreign) {
      expect(decideOnBatch(producer, { ...sent, tag: 2 })).toBe('producerUnproven')
    }
  })

  test('begins a newer epoch at 0 and fences the older one', () => {
    const producer = producerAfter(3, 4)
    expect(decideOnBatch(producer, batch(0, 1, 5))).toBe('store')
    expect(decideOnBatch(producer, batch(1, 1, 5))).toBe('outOfOrderSequence')
    expect(decideOnBatch(producer, batch(6, 1, 3))).toBe('producerFenced')
  })

  test('stores each number once and in its place, whatever is sent in whatever order', () => {
    const sends = fc.array(
      fc.record({
        firstSequence: fc.nat(12),
        recordCount: fc.integer({ min: 1, max: 4 }),
        content: fc.nat(2),
      }),
    )
    fc.assert(
      fc.property(sends, (batches) => {
        const { table } = tableOf()
        let producer: Producer | undefined
        let next = 0
        const stored = new Map<number, object>()
        for (const { firstSequence, recordCount, content } of batches) {
          const sent = batch(firstSequence, recordCount, 0, content)
          const decision = decideOnBatch(producer, sent)
          expect(decision === 'store').toBe(firstSequence === next)
          // The content of an acknowledged repetition is exactly what is stored there.
          if (typeof decision === 'object') expect(stored.get(decision.base)).toEqual(sent)
          if (decision !== 'store') continue
          producer ??= table.add(1, 7, SOMEBODY)
          table.store(producer, sent, { base: next, arrival: 0 })
          stored.set(next, sent)
          next += recordCount
        }
      }),
    )
  })
})

const idle = limits.producerIdleMsMin

describe('ProducerTable', () => {
  test('adds a new producer while it has room, or in place of one that was idle long enough', () => {
    let now = 0
    const { table, forgotten } = tableOf(2, () => now)
    for (const [producerId, at] of [
      [1, 1000],
      [2, 2000],
    ] as const) {
      now = at
      expect(table.admits(SOMEBODY)).toBe(true)
      table.add(1, producerId, SOMEBODY)
    }
    now = 1000 + idle - 1
    expect(table.admits(SOMEBODY)).toBe(false)
    table.store([...table][0]!, batch(0), { base: 1, arrival: 3000 })
    now = 1000 + idle
    expect(table.admits(SOMEBODY)).toBe(false)
    now = 2000 + idle
    expect(table.admits(SOMEBODY)).toBe(true)
    expect(forgotten).toEqual([2])
  })

  test("measures idleness by the monotonic clock, however the batches' clock jumps", () => {
    let now = 0
    const { table } = tableOf(1, () => now)
    table.store(table.add(1, 1, SOMEBODY), batch(0), { base: 0, arrival: 4e12 })
    now = idle - 1
    expect(table.admits(SOMEBODY)).toBe(false)
    now = idle
    expect(table.admits(SOMEBODY)).toBe(true)
  })

  test('forgets the oldest producers that do not fit at a start, and counts idleness before it', () => {
    let now = 5
    const { table, forgotten } = tableOf(3, () => now)
    const row = { tag: 1, epoch: 0, nextSequence: 1, usedAt: 0, entries: [] }
    for (const [id, idleMs] of [
      [1, 90],
      [2, idle - 10],
      [3, 20],
      [4, -1000], // the clock was set back since
    ] as const) {
      table.load(1, id, { row, idleMs })
    }
    expect(forgotten).toEqual([1])
    now += 9
    expect(table.admits(SOMEBODY)).toBe(false)
    now += 1
    expect(table.admits(SOMEBODY)).toBe(true)
    expect(forgotten).toEqual([1, 2])
    expect([...table].map(({ producerId }) => producerId)).toEqual([3, 4])
  })

  test('forgets the window of the old epoch at a new one', () => {
    const { table } = tableOf()
    const entries = producerAfter(3).window
    const row = { tag: 1, epoch: 0, nextSequence: 6, usedAt: 2, entries }
    const known = table.load(1, 7, { row, idleMs: 0 })
    table.store(known, batch(0, 1, 1), { base: 9, arrival: 9 })
    expect(known).toMatchObject({ epoch: 1, nextSequence: 1, window: [{ base: 9 }] })
  })
})

describe('shares of the producer table', () => {
  const MAX = 4096
  const fillBy = (table: ProducerTable, session: number, address: number): number => {
    let taken = 0
    for (; taken < 2 * MAX && table.admits({ holder: session, address, most: 0 }); taken++) {
      table.add(1, session * 1e6 + taken, { tag: 1, holder: session, address, most: 0 })
    }
    return taken
  }

  test('leave room for later sessions, on the same address and on others', () => {
    const { table } = tableOf(MAX)
    const first = fillBy(table, 1, 10)
    expect(first).toBeGreaterThan(MAX / 4)
    expect(first).toBeLessThan(MAX / 2)
    // Each later session still gets some, though the earlier ones took all that they could.
    for (let session = 2; session < 8; session++) expect(fillBy(table, session, 10)).toBeGreaterThan(10)
    for (let session = 8; session < 12; session++)
      expect(fillBy(table, session, 100 + session)).toBeGreaterThan(10)
    // No earlier session gets more by asking again.
    expect(fillBy(table, 1, 10)).toBe(0)
  })

  test('leave room for other addresses when one address opens session after session', () => {
    const { table } = tableOf(MAX)
    let held = 0
    for (let session = 1; session <= 500; session++) held += fillBy(table, session, 10)
    expect(held).toBeLessThanOrEqual((MAX * 7) / 8)
    expect(fillBy(table, 501, 10)).toBe(0)
    expect(fillBy(table, 502, 11)).toBeGreaterThan(MAX / 32)
  })

  test('count a producer that comes back on another connection for that one, and never refuse it', () => {
    const { table } = tableOf(16)
    const held = fillBy(table, 1, 10)
    const producers = [...table]
    for (const producer of producers) {
      table.store(producer, { ...batch(0), holder: 2, address: 10, most: 0 }, { base: 0, arrival: 0 })
    }
    expect(table.admits({ holder: 2, address: 10, most: 0 })).toBe(false)
    expect(fillBy(table, 1, 10)).toBeGreaterThan(0)
    expect(table.size).toBeGreaterThan(held)
  })

  test('give a holder no more than its quota, from any address, until others of its producers were idle for long', () => {
    const clock = { now: 0 }
    const { table } = tableOf(64, () => clock.now)
    const quota = { holder: 1, most: 5 }
    let taken = 0
    for (; table.admits({ ...quota, address: taken % 3 }); taken++) {
      table.add(1, taken + 1, { tag: 1, ...quota, address: taken % 3 })
    }
    expect(taken).toBe(5)
    expect(table.admits({ holder: 2, address: 0, most: 0 })).toBe(true)
    clock.now += limits.producerIdleMsMin
    expect(table.admits({ ...quota, address: 9 })).toBe(true)
  })

  test('are never charged for producers that the table does not hold', () => {
    const events = fc.array(
      fc.record({
        event: fc.constantFrom('new' as const, 'use' as const, 'wait' as const, 'remove' as const),
        at: fc.nat(30),
        session: fc.integer({ min: 1, max: 4 }),
      }),
      { maxLength: 200 },
    )
    fc.assert(
      fc.property(events, (todo) => {
        let now = 0
        const { table } = tableOf(12, () => now)
        for (const [i, { event, at, session }] of todo.entries()) {
          const origin = { holder: session, address: session % 2, most: 0 }
          const known = [...table][at % Math.max(1, table.size)]
          if (event === 'wait') now += idle / 3
          else if (event === 'new' && table.admits(origin)) table.add(1, i, { tag: 1, ...origin })
          else if (event === 'use' && known)
            table.store(known, { ...batch(0), ...origin }, { base: 0, arrival: 0 })
          else if (event === 'remove' && known) table.remove(known)
          expect(table.size).toBeLessThanOrEqual(12)
        }
        // When all producers are gone, the table is as good as new.
        for (const producer of table) table.remove(producer)
        expect(fillBy(table, 1, 1)).toBe(fillBy(tableOf(12).table, 1, 1))
      }),
    )
  })
})
