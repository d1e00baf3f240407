// The Firehose API: deliveries by the operations of `Firehose_20150804`, in JSON 1.1. Runs in the endpoint. What is asked for becomes
// documents, which the app delivery carries out.
import type { Handlers } from '../call.ts'
import { encodeError } from '../codecs/answers.ts'
import { errors as kinesisErrors, KinesisError } from '../model/errors.ts'
import type { EndpointParts } from '../parts.ts'
import type { WholeAnswer } from '../wire/answer.ts'
import { targetOf, type Api, type WireRequest } from '../wire/api.ts'
import { logFailure } from '../wire/failures.ts'
import { decodeFirehose, encodeFirehose } from './codec.ts'
import { Deliveries } from './deliveries.ts'
import { encryptionHandlers } from './encryption.ts'
import type { FirehoseHandler, FirehoseHandlers } from './firehose-call.ts'
import { FirehoseError, firehoseErrors } from './model/errors.ts'
import { firehoseOperations, type FirehoseOperationName } from './model/operations.ts'
import { firehoseRecordsHandlers } from './records.ts'
import { streamsHandlersOf } from './streams/handlers.ts'
import { firehoseTagsHandlers } from './tags.ts'

const TARGET_PREFIX = 'Firehose_20150804'
const CONTENT_TYPE = 'application/x-amz-json-1.1'

export interface FirehoseApiOptions {
  readonly parts: EndpointParts
  /** Of the Kinesis API: puts go through it. */
  readonly putRecords: Handlers['PutRecords']
}

/** Serves the Firehose API. */
export async function firehoseApi({ parts, putRecords }: FirehoseApiOptions): Promise<Api> {
  const firehose = { ...parts, deliveries: await Deliveries.open(parts), putRecords }
  const handlers: FirehoseHandlers = {
    ...streamsHandlersOf(firehose),
    ...firehoseRecordsHandlers(firehose),
    ...firehoseTagsHandlers(firehose),
    ...encryptionHandlers(firehose),
  }
  return {
    name: 'firehose',
    claims: (head) => targetOf(head).prefix === TARGET_PREFIX,
    refuse: refusal,
    serve: async (request) => {
      try {
        const body = await serveOperation(request, handlers)
        return { status: 200, contentType: CONTENT_TYPE, body }
      } catch (error) {
        const what = targetOf(request.head).operation
        const told = asTold(error)
        logFailure(parts.log, { request, what, error, told, status: statusOf(told) })
        return refusal(told)
      }
    },
  }
}

async function serveOperation(request: WireRequest, handlers: FirehoseHandlers): Promise<Uint8Array> {
  const { operation } = targetOf(request.head)
  const { caller, region } = await request.authenticate()
  if (!isOperation(operation)) throw new KinesisError('UnknownOperationException', '')
  const input = decodeFirehose(operation, request.body)
  const handler = handlers[operation] as FirehoseHandler<FirehoseOperationName>
  const { requestId } = request
  const output = await handler({
    operation,
    input,
    caller,
    region,
    requestId,
    get signal() {
      return request.signal
    },
  })
  return encodeFirehose(operation, output)
}

function isOperation(name: string): name is FirehoseOperationName {
  return Object.hasOwn(firehoseOperations, name)
}

type ToldError = FirehoseError | KinesisError

function asTold(error: unknown): ToldError {
  if (error instanceof FirehoseError || error instanceof KinesisError) return error
  return new FirehoseError('InternalFailure', 'Internal Service Failure.', { cause: error })
}

function statusOf(error: ToldError): number {
  return error instanceof FirehoseError ? firehoseErrors[error.code].status : kinesisErrors[error.code].status
}

function refusal(error: ToldError): WholeAnswer {
  const body =
    error instanceof KinesisError
      ? encodeError(error, 'json')
      : JSON.stringify({ __type: error.code, message: error.message })
  return { status: statusOf(error), contentType: CONTENT_TYPE, body }
}
