// Chunks of pieces: the same bytes, in few chunks of bounded size.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { CHUNK_BYTES, chunksOf } from '../../src/spool/chunks-of.ts'

it('chunksOf: gives the bytes of the pieces in their order', () => {
  const length = fc.oneof(fc.nat(300), fc.nat(2 * CHUNK_BYTES))
  fc.assert(
    fc.property(fc.array(length, { maxLength: 12 }), (lengths) => {
      const pieces = lengths.map((bytes, place) => Buffer.alloc(bytes, place + 1))
      expect(Buffer.concat([...chunksOf(pieces)]).equals(Buffer.concat(pieces))).toBe(true)
    }),
    { numRuns: 50 },
  )
})

it('chunksOf: joins small pieces, and neither copies a large one nor makes a chunk larger than it must be', () => {
  const small = Array.from({ length: 10_000 }, () => Buffer.alloc(100))
  const large = Buffer.alloc(2 * CHUNK_BYTES)
  const chunks = [...chunksOf([...small, large, ...small])]
  expect(chunks).toContain(large)
  expect(chunks.length).toBeLessThanOrEqual(2 * Math.ceil(1_000_000 / (CHUNK_BYTES - 100)) + 1)
  for (const chunk of chunks) if (chunk !== large) expect(chunk.length).toBeLessThanOrEqual(CHUNK_BYTES)
  expect([...chunksOf([])]).toEqual([])
  expect([...chunksOf([Buffer.alloc(0)])]).toEqual([])
})
