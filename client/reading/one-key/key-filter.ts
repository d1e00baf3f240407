// Which batches and records of a stream belong to one partition key. Runs in the client, pure.
import { batchMayHold, checkStoredBatch } from '../../../protocol/batch/batch.ts'
import { hashPartitionKey, type HashKeyWords } from '../../../protocol/shards/hash-key.ts'
import type { StreamRecord } from '../../record.ts'

export class KeyFilter {
  readonly partitionKey: string
  /** The hash of the key. A record of the key with an explicit hash key belongs to another place, and is no match. */
  readonly hashKey: HashKeyWords

  constructor(partitionKey: string) {
    this.partitionKey = partitionKey
    this.hashKey = new Uint32Array(4)
    hashPartitionKey(partitionKey, this.hashKey, 0)
  }

  /** What marks a position as one of this key alone. */
  get only(): { readonly partitionKey: string } {
    return { partitionKey: this.partitionKey }
  }

  /**
   * Returns false if no record of a batch can match, by the bounds of hash keys in its header. The checksum is verified
   * before the batch is left out: behind damaged bounds there may be a record of the key.
   */
  mayBeIn(batch: Uint8Array): boolean {
    return checkStoredBatch(batch) !== undefined || batchMayHold(batch, this.hashKey)
  }

  /** Returns the records that match, in their order. */
  matching<T>(records: StreamRecord<T>[]): StreamRecord<T>[] {
    return records.filter(
      ({ partitionKey, explicitHashKey }) =>
        partitionKey === this.partitionKey && explicitHashKey === undefined,
    )
  }
}
