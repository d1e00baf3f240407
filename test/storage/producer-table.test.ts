// The decision about an idempotent producer's batch, and the bound on what is remembered.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../protocol/limits.ts'
import { decideOnBatch, ProducerTable, type Producer } from '../../broker/storage/append/producer-table.ts'

/** Of the producer with the tag 1. Content is told apart by its checksum; by default it is the same for the same number. */
const batch = (firstSequence: number, recordCount = 1, epoch = 0, bodyCrc = firstSequence) => ({
  tag: 1,
  firstSequence,
  recordCount,
  epoch,
  bodyCrc,
})

function tableOf(max?: number) {
  const forgotten: number[] = []
  const onForget = ({ producerId }: Producer) => void forgotten.push(producerId)
  return { table: new ProducerTable({ onForget, ...(max !== undefined && { max }) }), forgotten }
}

/** A producer that has stored `count` batches of two records, at 100, 102, … */
function producerAfter(count: number, epoch = 0): Producer {
  const { table } = tableOf()
  const producer = table.add(1, 7, { tag: 1 })
  for (let i = 0; i < count; i++)
    table.store(producer, batch(i * 2, 2, epoch), { base: 100 + i * 2, arrival: i })
  return producer
}

describe('decideOnBatch', () => {
  test('an unknown producer begins at 0', () => {
    expect(decideOnBatch(undefined, batch(0))).toBe('store')
    expect(decideOnBatch(undefined, batch(5))).toBe('outOfOrderSequence')
  })

  test('stores what follows, refuses a gap', () => {
    const producer = producerAfter(3)
    expect(decideOnBatch(producer, batch(6))).toBe('store')
    expect(decideOnBatch(producer, batch(7))).toBe('outOfOrderSequence')
  })

  test('answers a repeated batch of the window with where it is stored', () => {
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
      [10, 1], // the first half of one
      [11, 1], // the second half of one
      [11, 2], // between two
      [10, 4], // two at once
      [22, 3], // beyond the newest
      [7, 2], // from below the window into it
      [0, 40], // everything
    ] as const) {
      expect(decideOnBatch(producer, batch(first, count)), `${count} from ${first}`).toBe('sequenceReused')
    }
    expect(decideOnBatch(producer, batch(6, 2))).toBe('duplicateTooOld')
    expect(decideOnBatch(producer, batch(3, 5))).toBe('duplicateTooOld')
  })

  test('refuses everything under an id that another producer uses', () => {
    const producer = producerAfter(3, 4)
    const foreign = [batch(6, 1, 4), batch(0, 1, 5), batch(4, 2, 4), batch(9, 1, 4), batch(0, 1, 3)]
    for (const sent of foreign) {
      expect(decideOnBatch(producer, { ...sent, tag: 2 })).toBe('producerUnproven')
    }
  })

  test('a newer epoch begins at 0 and fences the older one', () => {
    const producer = producerAfter(3, 4)
    expect(decideOnBatch(producer, batch(0, 1, 5))).toBe('store')
    expect(decideOnBatch(producer, batch(1, 1, 5))).toBe('outOfOrderSequence')
    expect(decideOnBatch(producer, batch(6, 1, 3))).toBe('producerFenced')
  })

  test('whatever is sent in whatever order, each number is stored once and in its place', () => {
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
          // What is acknowledged as a repetition is what is stored there, to the letter.
          if (typeof decision === 'object') expect(stored.get(decision.base)).toEqual(sent)
          if (decision !== 'store') continue
          producer ??= table.add(1, 7, { tag: 1 })
          table.store(producer, sent, { base: next, arrival: 0 })
          stored.set(next, sent)
          next += recordCount
        }
      }),
    )
  })
})

describe('ProducerTable', () => {
  test('has room while it is not full, and for one that was silent long enough', () => {
    const { table } = tableOf(2)
    const idle = limits.producerIdleMsMin
    for (const [producerId, arrival] of [
      [1, 1000],
      [2, 2000],
    ] as const) {
      expect(table.hasRoom(0)).toBe(true)
      table.store(table.add(1, producerId, { tag: 1 }), batch(0), { base: 0, arrival })
    }
    expect(table.hasRoom(1000 + idle - 1)).toBe(false)
    expect(table.hasRoom(1000 + idle)).toBe(true)
    table.store([...table][0]!, batch(1), { base: 1, arrival: 3000 })
    expect(table.hasRoom(1000 + idle)).toBe(false)
  })

  test('forgets the producer that was silent longest', () => {
    const { table, forgotten } = tableOf(3)
    const [one] = [1, 2, 3].map((id) => table.add(1, id, { tag: 1 }))
    table.store(one!, batch(0), { base: 0, arrival: 0 })
    table.add(1, 4, { tag: 1 })
    table.add(1, 5, { tag: 1 })
    expect(forgotten).toEqual([2, 3])
    expect([...table].map(({ producerId }) => producerId)).toEqual([1, 4, 5])
    expect(table.size).toBe(3)
  })

  test('a new epoch forgets the window of the old one', () => {
    const producer = producerAfter(3)
    const { table } = tableOf()
    table.add(1, 1, { tag: 1 })
    const known = table.add(1, 7, { tag: 0, epoch: 0, nextSequence: 6, usedAt: 2, entries: producer.window })
    table.store(known, batch(0, 1, 1), { base: 9, arrival: 9 })
    expect(known).toMatchObject({ epoch: 1, nextSequence: 1, window: [{ base: 9 }] })
  })
})
