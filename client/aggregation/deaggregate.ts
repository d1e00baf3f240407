// Takes aggregated records of the Kinesis Producer Library apart, as its consumers do. Runs in the application, pure.
import { isBytes } from '../../protocol/bytes.ts'
import { hashKeyFromDecimal, type HashKeyWords } from '../../protocol/shards/hash-key.ts'
import { MillraceError } from '../errors.ts'
import { checkOptions } from '../options/check.ts'
import { shown } from '../options/option.ts'
import type { Shard } from '../streams/descriptions.ts'
import { readAggregated, type AggregatedPart } from './aggregated-record.ts'
import { hashKeyOf } from './part.ts'
import { malformedAggregate } from './protobuf-cursor.ts'
import { isWithin, rangeOf } from './shard-ranges.ts'

/** A record as its producer sent it, which lay in an aggregated record, or was stored by itself. */
export interface UserRecord<T = Uint8Array> {
  /** The key that its producer gave it. */
  readonly partitionKey: string
  /** The explicit hash key that its producer gave it, as it stands there. */
  readonly explicitHashKey: string | undefined
  /** Its place in the stored record, from 0. With the sequence number of that one, it names the record for ever. */
  readonly subSequenceNumber: number
  /** False for a record that was stored by itself. */
  readonly isAggregated: boolean
  /** The payload. */
  readonly data: T
}

/** What `deaggregate` takes: a record of a reading without a codec, or the same three fields of one of Kinesis. */
export interface StoredAggregate {
  /** Of the record as a whole: the key of its user record, if it is not aggregated. */
  readonly partitionKey: string
  /** Of the record as a whole. */
  readonly explicitHashKey?: string | undefined
  /** The payload as it was stored. */
  readonly data: Uint8Array
}

/** Options of `deaggregate`. */
export interface DeaggregateOptions {
  /**
   * The hash keys of the shard that the record was read from. If one of the records in it lies outside, nothing is returned, as in
   * the Kinesis Client Library: its producer was told of another shard than it had expected, and has sent all of them again. Give
   * it for records of the Kinesis Producer Library alone. By default every record is returned.
   */
  readonly hashKeyRange?: Shard['hashKeyRange']
}

/**
 * Returns the records in an aggregated record, in their order. Their data are views on it. A record that is not aggregated,
 * without the magic number or with a checksum that does not match, is returned as the one that it is. Throws `codecFailed`
 * where the checksum matches what is malformed all the same.
 */
export function deaggregate(record: StoredAggregate, options: DeaggregateOptions = {}): UserRecord[] {
  checkOptions('deaggregate', options)
  const range = options.hashKeyRange === undefined ? undefined : rangeOf(options.hashKeyRange)
  const data: unknown = record?.data
  if (!isBytes(data)) {
    throw new MillraceError('invalidArgument', `The data of the record is ${shown(data)}; it must be bytes.`)
  }
  const parts = readAggregated(data)
  if (parts === undefined) return [plainRecord(record, data)]
  if (range !== undefined && !parts.every((part) => isWithin(hashKeyOfPart(part), range))) return []
  return parts.map(userRecordOf)
}

/** Returns what was stored by itself. */
export function plainRecord(record: Omit<StoredAggregate, 'data'>, data: Uint8Array): UserRecord {
  const { partitionKey, explicitHashKey } = record
  return { partitionKey, explicitHashKey, subSequenceNumber: 0, isAggregated: false, data }
}

/** Returns one of the records in an aggregated one. */
export function userRecordOf(
  { partitionKey, explicitHashKey, data }: AggregatedPart,
  place: number,
): UserRecord {
  return { partitionKey, explicitHashKey, subSequenceNumber: place, isAggregated: true, data }
}

function hashKeyOfPart({ partitionKey, explicitHashKey }: AggregatedPart): HashKeyWords {
  if (explicitHashKey === undefined) return hashKeyOf(partitionKey)
  try {
    return hashKeyFromDecimal(explicitHashKey)
  } catch {
    throw malformedAggregate(`${shown(explicitHashKey)} is no hash key`)
  }
}
