// Slices of one size out of chunks of any. Pure.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { slicesOf } from '../../../src/destinations/s3/slices.ts'

async function* chunksOf(sizes: readonly number[]): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0
  for (const size of sizes) yield Uint8Array.from({ length: size }, () => at++ % 251)
}

describe('slicesOf', () => {
  it('gives all bytes in their order, in slices of one size but the last, whatever was said of the total', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 20 })
    const told = fc.constantFrom('right', 'unknown', 'too few', 'too many')
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 30 }), told, async (chunks, bytes, said) => {
        const total = chunks.reduce((sum, size) => sum + size, 0)
        const totals = { right: total, unknown: undefined, 'too few': total >> 1, 'too many': total + 50 }
        const slices: Uint8Array[] = []
        for await (const slice of slicesOf(chunksOf(chunks), { bytes, total: totals[said] }))
          slices.push(slice)
        const all = Buffer.concat(slices)
        expect(all.length).toBe(total)
        expect(all.every((byte, at) => byte === at % 251)).toBe(true)
        expect(slices.every(({ length }) => length > 0 && length <= bytes)).toBe(true)
        if (said !== 'too few') expect(slices.slice(0, -1).every(({ length }) => length === bytes)).toBe(true)
      }),
    )
  })
})
