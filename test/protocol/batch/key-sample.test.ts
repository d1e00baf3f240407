// Sampled keys are keys of the batch's records, drawn in proportion to their bytes.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BATCH_HEADER_BYTES } from '../../../protocol/batch/batch.ts'
import { drawHashKeys, sampledKeyCount } from '../../../protocol/batch/key-sample.ts'
import { randomOf } from '../../support/random.ts'
import { anyRecord, batchOf, hashKeyOf, record } from '../batches.ts'

it('drawHashKeys: draws keys of the records, in their order, for any random numbers', () => {
  const dice = fc.array(
    fc.oneof(fc.constant(0), fc.constant(1 - 2 ** -53), fc.double({ min: 0, max: 0.99 })),
    {
      minLength: 8,
      maxLength: 8,
    },
  )
  fc.assert(
    fc.property(
      fc.array(anyRecord, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 8 }),
      dice,
      (records, count, thrown) => {
        const keys = records.map((one) => String(hashKeyOf(one)))
        let next = 0
        const drawn = drawHashKeys(
          batchOf(records).subarray(BATCH_HEADER_BYTES),
          count,
          () => thrown[next++]!,
        )
        expect(drawn).toHaveLength(count)
        let from = 0
        for (const key of drawn) {
          from = keys.indexOf(String(key), from)
          expect(from).toBeGreaterThanOrEqual(0)
        }
      },
    ),
  )
})

it('drawHashKeys: draws by bytes, so that a key with most of the bytes is drawn most often', () => {
  const random = randomOf(3)
  const records = Array.from({ length: 60 }, (_, i) =>
    record(`key ${i}`, Buffer.alloc(i === 20 ? 5900 : 100)),
  )
  const bytes = batchOf(records).subarray(BATCH_HEADER_BYTES)
  const heavy = String(hashKeyOf(records[20]!))
  const drawn = Array.from({ length: 500 }, () => drawHashKeys(bytes, 4, random.next)).flat()
  const part = drawn.filter((key) => String(key) === heavy).length / drawn.length
  expect(part).toBeGreaterThan(0.4)
  expect(part).toBeLessThan(0.5)
})

it('sampledKeyCount: is small, and smaller for a small batch', () => {
  expect([0, 1023, 1024, 5000, 5_000_000].map(sampledKeyCount)).toEqual([1, 1, 2, 4, 4])
})
