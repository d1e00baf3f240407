// What a record of a Kinesis stream becomes in a Millrace stream: its key, data and time are the same, it lies where it lay, and
// headers may name its origin. Pure but for the key of a record that has none.
import type { Shard, _Record } from '@aws-sdk/client-kinesis'
import { deaggregate, type RecordInput } from 'millrace'
import { compareHashKeys, hashKeyFromDecimal, hashPartitionKey } from 'millrace/protocol'
import { keylessFields } from '../../records/keyless.ts'

/** Headers that name the origin of a record. */
export const originHeaders = {
  stream: 'aws-stream',
  shard: 'aws-shard-id',
  sequenceNumber: 'aws-sequence-number',
  /** Place in an aggregate; only of records that were taken out of one. */
  subSequenceNumber: 'aws-sub-sequence-number',
} as const

/** How records are copied. */
export interface CopyRules {
  /** ARN of the source. */
  readonly streamArn: string
  readonly withHeaders: boolean
  readonly deaggregate: boolean
}

/** A record to append, and the place that it came from. */
export interface CopiedRecord {
  readonly input: RecordInput
  readonly origin: string
}

/** The place of a record in its source, as one text. */
export function originOf(sequenceNumber: string, subSequenceNumber: string | undefined): string {
  return subSequenceNumber === undefined ? sequenceNumber : `${sequenceNumber}.${subSequenceNumber}`
}

/** Returns what is to be appended for a record: one, or as many as its aggregate has. */
export function copiesOf(record: _Record, shard: Shard, rules: CopyRules): CopiedRecord[] {
  const sequenceNumber = record.SequenceNumber!
  const timestamp = record.ApproximateArrivalTimestamp
  const data = record.Data ?? new Uint8Array()
  const keyless = record.PartitionKey === undefined ? keylessFields() : undefined
  const partitionKey = record.PartitionKey ?? keyless!.partitionKey
  const copy = (
    fields: Pick<RecordInput, 'partitionKey' | 'data' | 'explicitHashKey'>,
    subSequenceNumber?: string,
  ): CopiedRecord => ({
    input: {
      ...fields,
      timestamp,
      headers: {
        ...keyless?.headers,
        ...(rules.withHeaders && {
          [originHeaders.stream]: rules.streamArn,
          [originHeaders.shard]: shard.ShardId!,
          [originHeaders.sequenceNumber]: sequenceNumber,
          ...(subSequenceNumber !== undefined && { [originHeaders.subSequenceNumber]: subSequenceNumber }),
        }),
      },
    },
    origin: originOf(sequenceNumber, subSequenceNumber),
  })
  const whole = { partitionKey, data, explicitHashKey: placementOf(partitionKey, shard) }
  if (!rules.deaggregate) return [copy(whole)]
  return deaggregate({ partitionKey, data }).map((user) =>
    user.isAggregated
      ? copy(
          { partitionKey: user.partitionKey, data: user.data, explicitHashKey: user.explicitHashKey },
          String(user.subSequenceNumber),
        )
      : copy(whole),
  )
}

/**
 * The explicit hash key of a record whose key's hash lies outside of its shard: its producer gave one, which Kinesis does not tell
 * readers. The lowest of the shard keeps it with its neighbours, in a target of the same ranges.
 */
export function placementOf(partitionKey: string, { HashKeyRange }: Shard): string | undefined {
  const { StartingHashKey, EndingHashKey } = HashKeyRange!
  const hash = new Uint32Array(4)
  hashPartitionKey(partitionKey, hash, 0)
  const isWithin =
    compareHashKeys(hash, 0, hashKeyFromDecimal(StartingHashKey!), 0) >= 0 &&
    compareHashKeys(hash, 0, hashKeyFromDecimal(EndingHashKey!), 0) <= 0
  return isWithin ? undefined : StartingHashKey
}
