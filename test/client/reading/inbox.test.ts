// Where the batches of an answer lie: one behind the other, from what was asked for up to what the host says.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endsOf } from '../../../client/reading/inbox.ts'
import { stampBatch } from '../../../protocol/index.ts'
import { batchOf } from '../support/fill.ts'

/** Stored batches of the given sizes, the first one at `base`. */
function run(base: number, sizes: readonly number[]): { batches: Uint8Array[]; ends: number[] } {
  const ends: number[] = []
  let at = base
  const batches = sizes.map((size) => {
    const batch = batchOf(Array.from({ length: size }, (_, i) => `${i}`))
    stampBatch(batch, at, 1)
    ends.push((at += size))
    return batch
  })
  return { batches, ends }
}

const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 })

describe('endsOf', () => {
  it('tells the number behind each batch, wherever in the first one reading begins', () => {
    const { batches, ends } = run(10, [3, 1, 2])
    for (const from of [10, 11, 12]) expect(endsOf(batches, { from, next: 16 })).toEqual(ends)
    expect(endsOf([], { from: 10, next: 10 })).toEqual([])
  })

  it('refuses what goes back, leaves a gap, comes twice, or ends elsewhere than the host says', () => {
    const { batches } = run(10, [3, 1, 2])
    const [first, second, third] = batches as [Uint8Array, Uint8Array, Uint8Array]
    expect(endsOf(batches, { from: 9, next: 16 })).toBeUndefined()
    expect(endsOf(batches, { from: 13, next: 16 })).toBeUndefined()
    expect(endsOf(batches, { from: 10, next: 15 })).toBeUndefined()
    expect(endsOf(batches, { from: 10, next: 17 })).toBeUndefined()
    expect(endsOf([first, third], { from: 10, next: 16 })).toBeUndefined()
    expect(endsOf([first, first], { from: 10, next: 13 })).toBeUndefined()
    expect(endsOf([second, first], { from: 13, next: 13 })).toBeUndefined()
    expect(endsOf([], { from: 10, next: 9 })).toBeUndefined()
    expect(endsOf([], { from: 10, next: 11 })).toBeUndefined()
  })

  it('damaged batches lie between the others, whatever their headers say', () => {
    const damages = fc.array(fc.boolean(), { minLength: 5, maxLength: 5 })
    fc.assert(
      fc.property(sizes, damages, fc.nat(40), fc.nat(255), (counts, isDamaged, at, byte) => {
        const { batches, ends } = run(10, counts)
        for (const [i, batch] of batches.entries()) if (isDamaged[i]) batch[at]! ^= byte || 1
        const next = ends.at(-1)!
        const found = endsOf(batches, { from: 10, next })
        expect(found?.at(-1)).toBe(next)
        for (const [i, end] of ends.entries()) {
          expect(found![i]).toBeGreaterThan(found![i - 1] ?? 10)
          // A sound batch lies where it does, so what is damaged ends where the sound one behind it begins.
          if (!isDamaged[i] || isDamaged[i + 1] !== true) expect(found![i]).toBe(end)
        }
      }),
    )
  })

  it('no place is left for damaged batches where the host says that there are fewer records', () => {
    const { batches } = run(10, [1, 1])
    for (const batch of batches) batch.fill(0xff)
    expect(endsOf(batches, { from: 10, next: 11 })).toBeUndefined()
    expect(endsOf([new Uint8Array(3)], { from: 10, next: 10 })).toBeUndefined()
    expect(endsOf([new Uint8Array(3)], { from: 10, next: 12 })).toEqual([12])
  })
})
