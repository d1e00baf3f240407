// Which batches and records of a stream belong to one partition key. Runs in the client, pure.
import { batchMayHold, checkStoredBatch } from '../../../protocol/batch/batch.ts'
import { hashPartitionKey, type HashKeyWords } from '../../../protocol/shards/hash-key.ts'
import type { HashKeyRange } from '../../../protocol/shards/shard-map.ts'
import type { StreamRecord } from '../../record.ts'
import type { RecordFilter } from './record-filter.ts'

export class KeyFilter implements RecordFilter {
  readonly partitionKey: string
  /** The hash of the key. A record of the key with an explicit hash key belongs to another place, and is no match. */
  readonly #hashKey: HashKeyWords

  constructor(partitionKey: string) {
    this.partitionKey = partitionKey
    this.#hashKey = new Uint32Array(4)
    hashPartitionKey(partitionKey, this.#hashKey, 0)
  }

  get hashKeys(): HashKeyRange {
    return { start: this.#hashKey, end: this.#hashKey }
  }

  get only(): { readonly partitionKey: string } {
    return { partitionKey: this.partitionKey }
  }

  mayBeIn(batch: Uint8Array): boolean {
    return checkStoredBatch(batch) !== undefined || batchMayHold(batch, this.#hashKey)
  }

  matching<T>(records: StreamRecord<T>[]): StreamRecord<T>[] {
    return records.filter(
      ({ partitionKey, explicitHashKey }) =>
        partitionKey === this.partitionKey && explicitHashKey === undefined,
    )
  }
}
