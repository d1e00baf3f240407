// Error documents: records that could not be delivered, one JSON object a line, in Firehose's words; and back, for their replay. Pure.
// Beside Firehose's fields a line has partition key, shard and sequence number, so that a replay knows what it replays.
import type { FunctionAnswered, RecordOrigin, SourceRecord } from '../engine/source-record.ts'
import type { ErrorRecord } from './error-record.ts'

/** Writes a record as a line, with its end. */
export function errorLine({
  type,
  origin,
  rawData,
  ...error
}: ErrorRecord<RecordOrigin & Pick<SourceRecord, 'transformed'>>): Uint8Array {
  const transformed = error.transformed ?? origin.transformed
  const isConversion = type === 'format-conversion-failed'
  const line = {
    attemptsMade: error.attemptsMade,
    arrivalTimestamp: origin.arrivedAt,
    ...(isConversion
      ? { lastErrorCode: error.code, lastErrorMessage: error.message }
      : { errorCode: error.code, errorMessage: error.message }),
    attemptEndingTimestamp: error.endedAt,
    rawData: Buffer.from(rawData).toString('base64'),
    ...(error.function !== undefined && { lambdaArn: error.function }),
    // A function that is called once more would make of its own answer what nobody asked for.
    ...(transformed !== undefined && { transformed }),
    partitionKey: origin.partitionKey,
    shardId: origin.shardId,
    sequenceNumber: String(origin.sequenceNumber),
    ...(origin.subSequence !== undefined && { subSequenceNumber: origin.subSequence }),
  }
  return Buffer.from(`${JSON.stringify(line)}\n`)
}

/** Reads a line back as a record of the source. Throws SyntaxError for what is none. */
export function replayedRecord(line: string, at: number): SourceRecord {
  const parsed = JSON.parse(line) as Record<string, unknown>
  const { rawData, partitionKey, shardId, arrivalTimestamp, transformed } = parsed
  if (typeof rawData !== 'string') throw new SyntaxError('has no rawData')
  return {
    shardId: typeof shardId === 'string' ? shardId : 'shardId-000000000000',
    sequenceNumber: at,
    partitionKey: typeof partitionKey === 'string' ? partitionKey : 'replayed',
    data: Buffer.from(rawData, 'base64'),
    arrivedAt: typeof arrivalTimestamp === 'number' ? arrivalTimestamp : 0,
    ...(isTransformed(transformed) && { transformed }),
  }
}

function isTransformed(value: unknown): value is FunctionAnswered {
  if (typeof value !== 'object' || value === null) return false
  const { partitionKeys } = value as Partial<FunctionAnswered>
  return (
    typeof partitionKeys === 'object' &&
    partitionKeys !== null &&
    Object.values(partitionKeys).every((each) => typeof each === 'string')
  )
}
