// Batches for tests: any records, and a stored batch of them.
import fc from 'fast-check'
import { BatchBuilder, type BatchIdentity, type RecordFields } from '../../protocol/batch/record.ts'
import { stampBatch } from '../../protocol/batch/batch.ts'
import { hashKeyFromBigInt, hashPartitionKey } from '../../protocol/shards/hash-key.ts'
import { anyText, bytes, uint, wellFormed } from './arbitraries.ts'

export const IDENTITY: BatchIdentity = { producerId: 0, producerEpoch: 0, firstProducerSequence: 0 }

/** Any record within the limits, small. */
export const anyRecord: fc.Arbitrary<RecordFields> = fc.record(
  {
    partitionKey: anyText({ minLength: 1, maxLength: 256 }).map(wellFormed),
    data: fc.oneof(bytes(0, 60), bytes(60, 500)),
    explicitHashKey: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(hashKeyFromBigInt),
    timestamp: uint(2 ** 48 - 1),
    headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 60 }), bytes(0, 40), { maxKeys: 5 }),
  },
  { requiredKeys: ['partitionKey', 'data'] },
)

/** The hash key that routes a record. */
export function hashKeyOf(record: RecordFields): Uint32Array {
  if (record.explicitHashKey !== undefined) return record.explicitHashKey
  const words = new Uint32Array(4)
  hashPartitionKey(record.partitionKey, words, 0)
  return words
}

/** One batch of all the records, as a producer sends it. */
export function batchOf(records: readonly RecordFields[], identity: Partial<BatchIdentity> = {}): Uint8Array {
  const builder = new BatchBuilder({ bytesMax: 12 * 1024 * 1024 })
  for (const record of records) {
    if (!builder.tryAdd(record, hashKeyOf(record), 0)) throw new Error('the batch is full')
  }
  return builder.finish({ ...IDENTITY, ...identity })
}

/** The same, as a broker stores it. */
export function storedBatchOf(
  records: readonly RecordFields[],
  base: number,
  arrivalTime: number,
): Uint8Array {
  const batch = batchOf(records)
  stampBatch(batch, base, arrivalTime)
  return batch
}

export function record(partitionKey: string, data: string | Uint8Array = ''): RecordFields {
  return { partitionKey, data: typeof data === 'string' ? Buffer.from(data) : data }
}
