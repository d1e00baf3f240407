// What a reading of some of a stream's records leaves out. Runs in the client; types only.
import type { HashKeyRange } from '../../../protocol/shards/shard-map.ts'
import type { StreamRecord } from '../../record.ts'
import type { StreamPosition } from '../position.ts'

export interface RecordFilter {
  /** Only shards that hold one of these are read. */
  readonly hashKeys: HashKeyRange
  /** What marks a position as one of such a reading. */
  readonly only: Pick<StreamPosition, 'partitionKey' | 'hashKeys'>
  /**
   * Returns false if no record of a batch can match, by the bounds of hash keys in its header. A damaged batch may have one: behind
   * damaged bounds there may be any record.
   */
  mayBeIn(batch: Uint8Array): boolean
  /** Returns the records of a batch that match, in their order. */
  matching<T>(records: StreamRecord<T>[], batch: Uint8Array): StreamRecord<T>[]
}
