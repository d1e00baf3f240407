// Which filter a reading has, by its options. Runs in the client, pure.
import type { ReadingOptions } from '../options.ts'
import { KeyFilter } from './key-filter.ts'
import { RangeFilter } from './range-filter.ts'
import type { RecordFilter } from './record-filter.ts'

/** Returns the filter of a reading; undefined where it has every record. Throws `invalidArgument` for hash keys that are no range. */
export function filterOf({
  partitionKey,
  hashKeys,
}: Pick<ReadingOptions, 'partitionKey' | 'hashKeys'>): RecordFilter | undefined {
  if (partitionKey !== undefined) return new KeyFilter(partitionKey)
  return hashKeys === undefined ? undefined : new RangeFilter(hashKeys)
}
