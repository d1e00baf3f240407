// Fills shards of the fake broker past the client: batches with known values, made by the protocol's own builder.
import { BatchBuilder, hashPartitionKey } from '../../../protocol/index.ts'
import type { FakeBroker } from './fake-broker.ts'

/** A batch of records whose values are given; keys are the values. */
export function batchOf(values: readonly string[]): Uint8Array {
  const builder = new BatchBuilder({ bytesMax: 1024 * 1024 })
  const hashKey = new Uint32Array(4)
  for (const value of values) {
    hashPartitionKey(value, hashKey, 0)
    builder.tryAdd({ partitionKey: value, data: Buffer.from(value) }, hashKey, 0)
  }
  return builder.finish({ producerId: 0, producerEpoch: 0, firstProducerSequence: 0 })
}

/** Stores batches of the given sizes in a shard; answers the values in order. */
export function fill(broker: FakeBroker, shardIndex: number, sizes: readonly number[]): string[] {
  const all: string[] = []
  for (const size of sizes) {
    const first = broker.shards[shardIndex]!.tail
    const values = Array.from({ length: size }, (_, i) => `${shardIndex}:${first + i}`)
    broker.store(shardIndex, batchOf(values))
    all.push(...values)
  }
  return all
}
