// Records of a shard on their way to a function: packed into few buffers, so that they go to a thread by transfer. Runs in the app and in
// the threads that run handlers, pure. `kinesis-event.ts` makes the event of them.
import type { StreamRecord } from 'millrace'

/** What all records of a shard have in common in their events. */
export interface EventSource {
  readonly shardId: string
  readonly shardIndex: number
  /** When the shard counts as created, in milliseconds: part of its sequence numbers. */
  readonly shardCreatedAt: number
  readonly region: string
  /** ARN of the stream, or of the registered consumer. */
  readonly eventSourceArn: string
  readonly invokeIdentityArn: string
}

/** The tumbling window that a call belongs to. */
export interface WindowOfCall {
  /** Milliseconds. */
  readonly start: number
  readonly end: number
  /** What the call before it returned; `{}` in the first one. */
  readonly state: unknown
  readonly isFinal: boolean
  readonly isTerminatedEarly: boolean
}

export interface KinesisBatch {
  readonly source: EventSource
  readonly count: number
  /** The data and the partition key (UTF-8) of each record, one after the other, in memory of their own. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where they end in `bytes`: the data of record i at `ends[2 * i]`, its key at `ends[2 * i + 1]`. */
  readonly ends: Uint32Array<ArrayBuffer>
  /** Native sequence numbers. */
  readonly sequenceNumbers: Float64Array<ArrayBuffer>
  /** Arrival times in milliseconds. */
  readonly arrivalTimes: Float64Array<ArrayBuffer>
  readonly window: WindowOfCall | undefined
  /** The answer is put into a stream: see `takeOutput`. */
  readonly wantsRecords: boolean
}

/** The fields of a record that an event has. */
export type PackableRecord = Pick<StreamRecord, 'sequenceNumber' | 'partitionKey' | 'bytes'> & {
  readonly arrivalTime: Date
}

/** Packs records. They are copied. */
export function packBatch(
  records: readonly PackableRecord[],
  rest: Pick<KinesisBatch, 'source' | 'window' | 'wantsRecords'>,
): KinesisBatch {
  const count = records.length
  let room = 0
  for (const { bytes, partitionKey } of records) room += bytes.length + partitionKey.length * UTF8_BYTES_MAX
  const bytes = Buffer.from(new ArrayBuffer(room))
  const ends = new Uint32Array(count * 2)
  const sequenceNumbers = new Float64Array(count)
  const arrivalTimes = new Float64Array(count)
  let end = 0
  for (let i = 0; i < count; i++) {
    const record = records[i]!
    bytes.set(record.bytes, end)
    end += record.bytes.length
    ends[2 * i] = end
    end += bytes.write(record.partitionKey, end)
    ends[2 * i + 1] = end
    sequenceNumbers[i] = record.sequenceNumber
    arrivalTimes[i] = record.arrivalTime.getTime()
  }
  return { ...rest, count, bytes: new Uint8Array(bytes.buffer), ends, sequenceNumbers, arrivalTimes }
}

/** The buffers of a batch: with them as transfer list, nothing is copied. */
export function transferListOf({ bytes, ends, sequenceNumbers, arrivalTimes }: KinesisBatch): ArrayBuffer[] {
  return [bytes.buffer, ends.buffer, sequenceNumbers.buffer, arrivalTimes.buffer]
}

/**
 * The keys of records that a function answered with and gave none: those of the records of the call, where there are as many; otherwise one
 * of its own for each, always the same.
 */
export function answerKeys({
  source,
  count,
  bytes,
  ends,
  sequenceNumbers,
}: KinesisBatch): (index: number, of: number) => string {
  return (index, of) =>
    of === count
      ? Buffer.from(bytes.buffer).toString('utf8', ends[2 * index], ends[2 * index + 1])
      : `${source.shardIndex}-${sequenceNumbers[0] ?? 0}-${index}`
}

/** Bytes that UTF-8 takes for one UTF-16 unit, at most. */
const UTF8_BYTES_MAX = 3
