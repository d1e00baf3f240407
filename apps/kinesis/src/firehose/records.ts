// PutRecord and PutRecordBatch: into the stream behind a delivery, by the Kinesis API's own puts. Runs in the endpoint.
import { randomBytes } from 'node:crypto'
import { MillraceError } from 'millrace'
import type { Call } from '../call.ts'
import { KinesisError } from '../model/errors.ts'
import type { OutputOf } from '../model/operations.ts'
import type { FirehoseCall, FirehoseHandlersOf } from './firehose-call.ts'
import type { FirehoseParts } from './firehose-parts.ts'
import { givenOf } from './given.ts'
import { FirehoseError, invalid } from './model/errors.ts'
import type { FirehoseOutput } from './model/operations.ts'

type RecordsOperation = 'PutRecord' | 'PutRecordBatch'
type RecordsCall = FirehoseCall<RecordsOperation>
type PutResult = OutputOf<'PutRecords'>['Records'][number]
type PutResponse = FirehoseOutput<'PutRecordBatch'>['RequestResponses'][number]

const BATCH_BYTES_MAX = 4 * 1024 * 1024

export function firehoseRecordsHandlers(parts: FirehoseParts): FirehoseHandlersOf<RecordsOperation> {
  return {
    PutRecord: async (call) => {
      const { results, isEncrypted } = await put(parts, call, [call.input.Record])
      const { RecordId, ErrorCode, ErrorMessage = '' } = responseOf(results[0]!)
      if (RecordId !== undefined) return { RecordId, Encrypted: isEncrypted }
      throw new FirehoseError(
        ErrorCode === SLOW_DOWN.ErrorCode ? 'ServiceUnavailableException' : 'InternalFailure',
        ErrorMessage,
      )
    },
    PutRecordBatch: async (call) => {
      const { Records } = call.input
      if (Records.reduce((sum, { Data }) => sum + Data.length, 0) > BATCH_BYTES_MAX) {
        throw invalid('Records size exceeds 4 MB limit')
      }
      const { results, isEncrypted } = await put(parts, call, Records)
      const RequestResponses = results.map(responseOf)
      const failed = RequestResponses.filter(({ ErrorCode }) => ErrorCode !== undefined)
      return { FailedPutCount: failed.length, Encrypted: isEncrypted, RequestResponses }
    },
  }
}

/** Puts records, all under one key of chance: one request goes to one shard, and stays in its order. */
async function put(
  { deliveries, putRecords }: FirehoseParts,
  call: RecordsCall,
  records: readonly { readonly Data: Uint8Array }[],
): Promise<{ readonly results: readonly PutResult[]; readonly isEncrypted: boolean }> {
  const { DeliveryStreamName: name } = call.input
  const definition = await deliveries.known(name)
  const { source } = definition
  if (!source.isOwn) {
    // Only who may see it is told what it is.
    await deliveries.read(call, name)
    throw new FirehoseError(
      'InvalidSourceException',
      'This operation is not permitted on KinesisStreamAsSource delivery stream type.',
    )
  }
  const PartitionKey = randomBytes(9).toString('base64url')
  const putCall: Call<'PutRecords'> = {
    operation: 'PutRecords',
    input: { StreamName: source.stream, Records: records.map(({ Data }) => ({ Data, PartitionKey })) },
    caller: call.caller,
    region: call.region,
    requestId: call.requestId,
    get signal() {
      return call.signal
    },
  }
  try {
    const { Records } = await putRecords(putCall)
    return { results: Records, isEncrypted: givenOf(definition)?.encryption?.Status === 'ENABLED' }
  } catch (error) {
    throw error instanceof KinesisError ? translated(error, deliveries, call) : error
  }
}

/** An error of a put, in the words of this API. */
function translated(
  error: KinesisError,
  deliveries: FirehoseParts['deliveries'],
  call: RecordsCall,
): unknown {
  const { DeliveryStreamName: name } = call.input
  switch (error.code) {
    case 'ResourceNotFoundException':
      return deliveries.notFound(name)
    case 'AccessDeniedException':
      return deliveries.denied(call, name)
    case 'ProvisionedThroughputExceededException':
    case 'LimitExceededException':
      return new FirehoseError('ServiceUnavailableException', SLOW_DOWN.ErrorMessage, { cause: error })
    case 'InvalidArgumentException':
      return invalid(error.message)
    case 'InternalFailureException':
      return isUnanswered(error.cause)
        ? new FirehoseError('ServiceUnavailableException', SLOW_DOWN.ErrorMessage, { cause: error })
        : error
    default:
      return error
  }
}

/** Whether nobody knows what was stored: clients put the records again. The API has one word for this and for nothing stored. */
function isUnanswered(cause: unknown): boolean {
  return (
    MillraceError.is(cause) &&
    (cause.code === 'outcomeUnknown' || cause.code === 'timedOut' || cause.code === 'connectionLost')
  )
}

const SLOW_DOWN = { ErrorCode: 'ServiceUnavailableException', ErrorMessage: 'Slow down.' } as const

function responseOf({ ShardId, SequenceNumber, ErrorCode }: PutResult): PutResponse {
  if (SequenceNumber !== undefined) {
    return { RecordId: Buffer.from(`${ShardId ?? ''}:${SequenceNumber}`).toString('base64') }
  }
  return ErrorCode === 'ProvisionedThroughputExceededException'
    ? SLOW_DOWN
    : { ErrorCode: 'InternalFailure', ErrorMessage: 'Internal Service Failure.' }
}
