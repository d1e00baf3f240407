// Sampling of keys: it returns hash keys of real records, no more than asked, and survives wrong lengths.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BATCH_HEADER_BYTES } from '../../../../protocol/batch/batch.ts'
import { BatchBuilder } from '../../../../protocol/batch/batch-builder.ts'
import { hashKeyFromDecimal, hashKeyToHex, hashPartitionKey } from '../../../../protocol/shards/hash-key.ts'
import type { RecordFields } from '../../../../protocol/batch/record-layout.ts'
import { sampleKeys } from '../../../../broker/host/load/record-keys.ts'

function batchOf(records: readonly RecordFields[]): Uint8Array {
  const builder = new BatchBuilder({ bytesMax: 1 << 24 })
  for (const record of records) {
    const words = hashKeyOf(record)
    expect(builder.tryAdd(record, words, 0)).toBe(true)
  }
  return builder.finish({ producerId: 0, producerEpoch: 0, firstProducerSequence: 0 })
}

function hashKeyOf({ partitionKey, explicitHashKey }: RecordFields): Uint32Array {
  const words = new Uint32Array(4)
  hashPartitionKey(partitionKey, words, 0)
  return explicitHashKey ?? words
}

const records = fc.array(
  fc.record({
    partitionKey: fc
      .string({ minLength: 1, maxLength: 80, unit: 'grapheme' })
      .filter((key) => key.length <= 256),
    data: fc.uint8Array({ maxLength: 50 }),
    explicitHashKey: fc.option(fc.constant(hashKeyFromDecimal('12345678901234567890')), { nil: undefined }),
    headers: fc.option(fc.constant({ name: Buffer.from('value') }), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 60 },
)
const random = fc.double({ min: 0, max: 0.999_999, noNaN: true })

describe('sampleKeys', () => {
  it('returns distinct records of the batch, in order, each with its hash key and bytes', () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 1, max: 20 }), random, (all, count, at) => {
        const sampled = sampleKeys(batchOf(all), count, () => at)
        expect(sampled.length).toBe(Math.min(count, all.length))
        let from = 0
        for (const { hashKey, bytes } of sampled) {
          const found = all.findIndex(
            (record, index) => index >= from && hashKeyToHex(hashKeyOf(record)) === hashKeyToHex(hashKey),
          )
          expect(found).toBeGreaterThanOrEqual(from)
          from = found + 1
          expect(bytes).toBeGreaterThan(0)
        }
      }),
    )
  })

  it('looks at every part of a batch', () => {
    const all = Array.from({ length: 1000 }, (_, i) => ({ partitionKey: `key ${i}`, data: Buffer.alloc(i) }))
    const weights = sampleKeys(batchOf(all), 10, () => 0.5).map(({ bytes }) => Math.floor(bytes / 100))
    expect(weights).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('ends at a wrong length, and never reads beyond the batch', () => {
    fc.assert(
      fc.property(records, random, fc.uint8Array({ minLength: 1, maxLength: 40 }), (all, at, noise) => {
        const batch = batchOf(all).slice()
        const place = BATCH_HEADER_BYTES + Math.floor(at * (batch.length - BATCH_HEADER_BYTES))
        batch.set(noise.subarray(0, batch.length - place), place)
        for (const { bytes } of sampleKeys(batch, 16, () => at)) {
          expect(bytes).toBeGreaterThan(0)
          expect(bytes).toBeLessThanOrEqual(batch.length)
        }
      }),
    )
  })
})
