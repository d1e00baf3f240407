// A record of a shard as its machine takes it: with its lane, and what it takes in an event. Runs in the app, pure.
import { recordEventBytes } from '../events/event-size.ts'
import type { EventSource, PackableRecord } from '../events/kinesis-batch.ts'
import { laneOfKey } from './lane-of-key.ts'
import type { MappedRecord } from './work.ts'

/** Maps records of a source that came now. */
export function mappedRecord<R extends PackableRecord>(
  record: R,
  {
    source: { eventSourceArn, invokeIdentityArn, region },
    lanes,
    receivedAt,
  }: { readonly source: EventSource; readonly lanes: number; readonly receivedAt: number },
): MappedRecord<R> {
  const { sequenceNumber, partitionKey, bytes, arrivalTime } = record
  const arnCharacters = eventSourceArn.length + invokeIdentityArn.length + region.length
  return {
    sequenceNumber,
    arrivedAt: arrivalTime.getTime(),
    receivedAt,
    lane: laneOfKey(partitionKey, lanes),
    eventBytes: recordEventBytes(bytes.length, partitionKey, arnCharacters),
    record,
  }
}
