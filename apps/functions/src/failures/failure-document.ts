// The document about records that were given up, as Lambda writes it. Runs in the app, pure.
import { SequenceNumbers } from 'millrace/protocol'
import type { EventSource } from '../events/kinesis-batch.ts'
import type { GiveUpCondition, WorkFailure } from '../mapping/work.ts'

/** Records that were given up together. */
export interface GivenUpBatch {
  readonly condition: GiveUpCondition
  /** How the last call failed; undefined if there was none. */
  readonly failure: WorkFailure | undefined
  readonly invocations: number
  readonly size: number
  readonly first: { readonly sequenceNumber: number; readonly arrivedAt: number }
  readonly last: { readonly sequenceNumber: number; readonly arrivedAt: number }
}

/** As destinations get it, in JSON. */
export interface FailureDocument {
  readonly requestContext: {
    readonly requestId: string
    readonly functionArn: string
    readonly condition: GiveUpCondition
    readonly approximateInvokeCount: number
  }
  /** Left out where the function was not called. */
  readonly responseContext?: {
    readonly statusCode: 200
    readonly executedVersion: '$LATEST'
    readonly functionError: 'Unhandled'
  }
  readonly version: '1.0'
  readonly timestamp: string
  readonly KinesisBatchInfo: {
    readonly shardId: string
    readonly startSequenceNumber: string
    readonly endSequenceNumber: string
    readonly approximateArrivalOfFirstRecord: string
    readonly approximateArrivalOfLastRecord: string
    readonly batchSize: number
    readonly streamArn: string
  }
}

/** Writes the document. `functionArn` and `streamArn` name the function and the stream; `requestId` stands for a call that was not made. */
export function failureDocument(
  batch: GivenUpBatch,
  about: {
    readonly source: EventSource
    readonly streamArn: string
    readonly functionArn: string
    readonly requestId: string
    readonly now: number
  },
): FailureDocument {
  const { condition, failure, invocations, size, first, last } = batch
  const { source, streamArn, functionArn, now } = about
  const numbers = new SequenceNumbers(source.shardIndex, new Date(source.shardCreatedAt))
  const wasAnswered = failure !== undefined && !failure.isThrottle
  return {
    requestContext: {
      requestId: failure?.requestId ?? about.requestId,
      functionArn,
      condition,
      approximateInvokeCount: invocations,
    },
    ...(wasAnswered && {
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    }),
    version: '1.0',
    timestamp: new Date(now).toISOString(),
    KinesisBatchInfo: {
      shardId: source.shardId,
      startSequenceNumber: numbers.of(first.sequenceNumber, first.arrivedAt),
      endSequenceNumber: numbers.of(last.sequenceNumber, last.arrivedAt),
      approximateArrivalOfFirstRecord: new Date(first.arrivedAt).toISOString(),
      approximateArrivalOfLastRecord: new Date(last.arrivedAt).toISOString(),
      batchSize: size,
      streamArn,
    },
  }
}
