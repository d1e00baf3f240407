// Records as the client gives them, as the middle of a delivery wants them. Pure. Only what is needed is read: most deliveries never
// look at keys and headers.
import type { StreamRecord } from 'millrace'
import type { DeliveryDefinition } from 'millrace/protocol'
import type { SourceRecord } from './source-record.ts'

/** Views of records. */
export function sourceRecords(
  records: readonly StreamRecord[],
  definition: Pick<DeliveryDefinition, 'destination' | 'partitioning' | 'transform' | 'deaggregation'>,
): SourceRecord[] {
  const { destination, partitioning, transform, deaggregation } = definition
  const isStream = destination.type === 'stream'
  // What is taken apart or transformed is copied with all of its fields.
  const isCopied = isStream || [partitioning, transform, deaggregation].some((each) => each !== undefined)
  return records.map((record) => (isCopied ? copied(record, isStream) : new ReadSource(record)))
}

class ReadSource implements SourceRecord {
  readonly sequenceNumber: number
  readonly data: Uint8Array
  readonly #record: StreamRecord

  constructor(record: StreamRecord) {
    this.#record = record
    this.sequenceNumber = record.sequenceNumber
    this.data = record.bytes
  }

  get shardId(): string {
    return this.#record.shardId
  }

  get partitionKey(): string {
    return this.#record.partitionKey
  }

  get arrivedAt(): number {
    return this.#record.arrivalTime.getTime()
  }
}

function copied(record: StreamRecord, isStream: boolean): SourceRecord {
  const explicitHashKey = isStream ? record.explicitHashKey : undefined
  const headers = isStream ? record.headers : {}
  return {
    shardId: record.shardId,
    sequenceNumber: record.sequenceNumber,
    partitionKey: record.partitionKey,
    data: record.bytes,
    arrivedAt: record.arrivalTime.getTime(),
    ...(explicitHashKey !== undefined && { explicitHashKey }),
    ...(Object.keys(headers).length > 0 && { headers }),
  }
}
