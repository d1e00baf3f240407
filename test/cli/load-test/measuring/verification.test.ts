// What a reader of a load has seen of it, against what was really sent and in which order it came.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Verification } from '../../../../cli/load-test/measuring/verification.ts'

describe('verification', () => {
  it('all in order is neither doubled nor out of order', () => {
    const seen = new Verification(2)
    for (const number of [1, 2, 3]) expect(seen.take(0, number) && seen.take(1, number)).toBe(true)
    expect(seen).toMatchObject({ distinct: 6, again: 0, outOfOrder: 0 })
  })

  it('tells a record that comes late from one that comes again', () => {
    const seen = new Verification(1)
    for (const number of [1, 4, 2, 2, 4]) seen.take(0, number)
    expect(seen).toMatchObject({ distinct: 3, again: 2, outOfOrder: 1 })
    expect([1, 2, 3, 4, 5].filter((number) => seen.has(0, number))).toEqual([1, 2, 4])
  })

  it('counts any order of any lanes as a list would', () => {
    const records = fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 12 })), { maxLength: 60 })
    fc.assert(
      fc.property(records, (read) => {
        const seen = new Verification(3)
        const list: string[] = []
        const counts = { distinct: 0, again: 0, outOfOrder: 0 }
        const highest = [0, 0, 0]
        for (const [lane, number] of read) {
          const name = `${lane}/${number}`
          const isNew = !list.includes(name)
          if (!isNew) counts.again++
          else counts.distinct++
          if (isNew && number < highest[lane]!) counts.outOfOrder++
          highest[lane] = Math.max(highest[lane]!, number)
          list.push(name)
          expect(seen.take(lane, number)).toBe(isNew)
        }
        expect(seen).toMatchObject(counts)
        for (let number = 1; number <= 13; number++) {
          expect(seen.has(1, number)).toBe(list.includes(`1/${number}`))
        }
      }),
    )
  })
})
