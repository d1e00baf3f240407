// Which batches and records of a stream belong to a range of hash keys. Runs in the client, pure. Ranges that together are all hash keys
// have each record once: a record's place is its hash key, and where that is not between those in its batch's header, the nearer of them.
import { batchHashKeys, checkStoredBatch } from '../../../protocol/batch/batch.ts'
import {
  compareHashKeys,
  hashKeyFromDecimal,
  hashKeyToDecimal,
  hashPartitionKey,
} from '../../../protocol/shards/hash-key.ts'
import type { HashKeyRange } from '../../../protocol/shards/shard-map.ts'
import type { StreamRecord } from '../../record.ts'
import { MillraceError } from '../../errors.ts'
import type { HashKeys } from '../position.ts'
import type { RecordFilter } from './record-filter.ts'

export class RangeFilter implements RecordFilter {
  readonly hashKeys: HashKeyRange
  readonly #place = new Uint32Array(4)

  /** Throws `invalidArgument` for a range that is none. */
  constructor(hashKeys: HashKeys) {
    this.hashKeys = rangeOf(hashKeys)
  }

  get only(): { readonly hashKeys: HashKeys } {
    const { start, end } = this.hashKeys
    return { hashKeys: { from: hashKeyToDecimal(start), to: hashKeyToDecimal(end) } }
  }

  mayBeIn(batch: Uint8Array): boolean {
    if (checkStoredBatch(batch) !== undefined) return true
    const { start, end } = batchHashKeys(batch)
    return (
      compareHashKeys(start, 0, this.hashKeys.end, 0) <= 0 &&
      compareHashKeys(end, 0, this.hashKeys.start, 0) >= 0
    )
  }

  matching<T>(records: StreamRecord<T>[], batch: Uint8Array): StreamRecord<T>[] {
    const { start, end } = batchHashKeys(batch)
    const isLowIn = compareHashKeys(this.hashKeys.start, 0, start, 0) <= 0
    const isHighIn = compareHashKeys(end, 0, this.hashKeys.end, 0) <= 0
    if (isLowIn && isHighIn) return records
    return records.filter((record) => {
      const place = this.#placeOf(record)
      // Only an end of the range that lies within the batch leaves records out.
      return (
        (isLowIn || compareHashKeys(this.hashKeys.start, 0, place, 0) <= 0) &&
        (isHighIn || compareHashKeys(place, 0, this.hashKeys.end, 0) <= 0)
      )
    })
  }

  #placeOf({ partitionKey, explicitHashKey }: StreamRecord<unknown>): Uint32Array {
    if (explicitHashKey !== undefined) return hashKeyFromDecimal(explicitHashKey)
    hashPartitionKey(partitionKey, this.#place, 0)
    return this.#place
  }
}

function rangeOf({ from, to }: HashKeys): HashKeyRange {
  const start = hashKeyFromDecimal(String(from), 'hashKeys.from')
  const end = hashKeyFromDecimal(String(to), 'hashKeys.to')
  if (compareHashKeys(start, 0, end, 0) <= 0) return { start, end }
  throw new MillraceError('invalidArgument', `hashKeys.to is ${to}, which is below hashKeys.from, ${from}.`)
}
