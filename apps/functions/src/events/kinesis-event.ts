// The event of Lambda for a batch of records, made where the handler runs. Runs in the threads that run handlers, and in the app for HTTP
// endpoints. Pure. Sequence numbers are those of the Kinesis API: an unchanged AWS client takes them as a position.
import { SequenceNumbers } from 'millrace/protocol'
import type { KinesisBatch, WindowOfCall } from './kinesis-batch.ts'

/** A record in an event. */
export interface KinesisEventRecord {
  readonly kinesis: {
    readonly kinesisSchemaVersion: '1.0'
    readonly partitionKey: string
    readonly sequenceNumber: string
    /** Base64. */
    readonly data: string
    /** Seconds, with milliseconds behind the point. */
    readonly approximateArrivalTimestamp: number
  }
  readonly eventSource: 'aws:kinesis'
  readonly eventVersion: '1.0'
  readonly eventID: string
  readonly eventName: 'aws:kinesis:record'
  readonly invokeIdentityArn: string
  readonly awsRegion: string
  readonly eventSourceARN: string
}

/** What a handler gets. The fields after the records are there with tumbling windows alone. */
export interface KinesisEvent {
  readonly Records: readonly KinesisEventRecord[]
  readonly window?: { readonly start: string; readonly end: string }
  readonly state?: unknown
  readonly shardId?: string
  readonly eventSourceARN?: string
  readonly isFinalInvokeForWindow?: boolean
  readonly isWindowTerminatedEarly?: boolean
}

/** The event of a batch. */
export function kinesisEvent(batch: KinesisBatch): KinesisEvent {
  const { source, window } = batch
  const Records = recordsOf(batch)
  return window === undefined ? { Records } : { Records, ...windowFields(window, source) }
}

/** The same as JSON in UTF-8. */
export function kinesisEventJson(batch: KinesisBatch): Uint8Array {
  return Buffer.from(JSON.stringify(kinesisEvent(batch)))
}

function recordsOf(batch: KinesisBatch): KinesisEventRecord[] {
  const { source, count, ends, sequenceNumbers, arrivalTimes } = batch
  const { shardId, shardIndex, shardCreatedAt, region, eventSourceArn, invokeIdentityArn } = source
  const bytes = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.byteLength)
  const numbers = new SequenceNumbers(shardIndex, new Date(shardCreatedAt))
  const records: KinesisEventRecord[] = []
  let begin = 0
  for (let i = 0; i < count; i++) {
    const dataEnd = ends[2 * i]!
    const keyEnd = ends[2 * i + 1]!
    const arrivalTime = arrivalTimes[i]!
    const sequenceNumber = numbers.of(sequenceNumbers[i]!, arrivalTime)
    records.push({
      kinesis: {
        kinesisSchemaVersion: '1.0',
        partitionKey: bytes.toString('utf8', dataEnd, keyEnd),
        sequenceNumber,
        data: bytes.toString('base64', begin, dataEnd),
        approximateArrivalTimestamp: arrivalTime / 1000,
      },
      eventSource: 'aws:kinesis',
      eventVersion: '1.0',
      eventID: `${shardId}:${sequenceNumber}`,
      eventName: 'aws:kinesis:record',
      invokeIdentityArn,
      awsRegion: region,
      eventSourceARN: eventSourceArn,
    })
    begin = keyEnd
  }
  return records
}

function windowFields(
  { start, end, state, isFinal, isTerminatedEarly }: WindowOfCall,
  { shardId, eventSourceArn }: KinesisBatch['source'],
): Omit<KinesisEvent, 'Records'> {
  return {
    window: { start: momentText(start), end: momentText(end) },
    state,
    shardId,
    eventSourceARN: eventSourceArn,
    isFinalInvokeForWindow: isFinal,
    isWindowTerminatedEarly: isTerminatedEarly,
  }
}

/** As Lambda writes the bounds of a window: whole seconds, `2020-12-09T07:04:00Z`. */
function momentText(at: number): string {
  return `${new Date(at).toISOString().slice(0, -'.000Z'.length)}Z`
}
