// Requests of Firehose to a function that transforms records. Pure.
import type { SourceRecord } from '../engine/source-record.ts'
import { PAYLOAD_BYTES_MAX } from './function-caller.ts'

/** What stands in each request of a delivery. */
export interface TransformSource {
  readonly deliveryStreamArn: string
  /** Left out where records are put into the delivery directly: then they have no `kinesisRecordMetadata` either. */
  readonly sourceKinesisStreamArn?: string
  readonly region: string
}

/** A record and its part of a request. */
export interface TransformEntry {
  readonly record: SourceRecord
  /** Names the record within its request, and in every request for it. */
  readonly recordId: string
  readonly json: string
}

/** Bytes of a request beside its records. */
const HEAD_BYTES = 2048

/** Records of a request at most: the largest batch that Firehose takes, several times. */
const RECORDS_MAX = 10_000

/** Returns a record's part of a request. */
export function transformEntry(
  record: SourceRecord,
  { sourceKinesisStreamArn }: TransformSource,
): TransformEntry {
  const { data, sequenceNumber, subSequence = 0, partitionKey, shardId, arrivedAt } = record
  const recordId = `${shardId}-${sequenceNumber}-${subSequence}`
  const entry = {
    recordId,
    approximateArrivalTimestamp: arrivedAt,
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
    ...(sourceKinesisStreamArn !== undefined && {
      kinesisRecordMetadata: {
        sequenceNumber: String(sequenceNumber),
        subsequenceNumber: subSequence,
        partitionKey,
        shardId,
        approximateArrivalTimestamp: arrivedAt,
      },
    }),
  }
  return { record, recordId, json: JSON.stringify(entry) }
}

/** Bytes of a record that fit into a request, as they are in it. */
export const ENTRY_BYTES_MAX = PAYLOAD_BYTES_MAX - HEAD_BYTES

/** Groups records to requests of 6 MB at most, in their order. One that fits into none is given alone, with `isTooLarge`. */
export function* transformRequests(
  entries: Iterable<TransformEntry>,
): Generator<{ readonly entries: readonly TransformEntry[]; readonly isTooLarge: boolean }> {
  let group: TransformEntry[] = []
  let bytes = 0
  for (const entry of entries) {
    const entryBytes = Buffer.byteLength(entry.json) + 1
    if (group.length > 0 && (bytes + entryBytes > ENTRY_BYTES_MAX || group.length === RECORDS_MAX)) {
      yield { entries: group, isTooLarge: false }
      group = []
      bytes = 0
    }
    if (entryBytes > ENTRY_BYTES_MAX) {
      yield { entries: [entry], isTooLarge: true }
      continue
    }
    group.push(entry)
    bytes += entryBytes
  }
  if (group.length > 0) yield { entries: group, isTooLarge: false }
}

/** Returns the request as it is sent. */
export function transformPayload(
  { deliveryStreamArn, sourceKinesisStreamArn, region }: TransformSource,
  invocationId: string,
  entries: readonly TransformEntry[],
): Uint8Array {
  const head = JSON.stringify({
    invocationId,
    deliveryStreamArn,
    ...(sourceKinesisStreamArn !== undefined && { sourceKinesisStreamArn }),
    region,
  })
  return Buffer.from(`${head.slice(0, -1)},"records":[${entries.map(({ json }) => json).join(',')}]}`)
}
