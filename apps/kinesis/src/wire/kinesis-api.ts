// The Kinesis API: from a request that was read to its answer, by the table of operations. Runs in the endpoint.
// The order of the checks is the service's: what a request with several faults is told depends on it.
import type { Call, Handler, Handlers } from '../call.ts'
import { decodeRequest } from '../codecs/requests.ts'
import { encodeAnswer, encodeError } from '../codecs/answers.ts'
import type { Protocol } from '../codecs/protocol.ts'
import { errors, KinesisError } from '../model/errors.ts'
import { operations, type OperationName } from '../model/operations.ts'
import type { EndpointLog } from '../parts.ts'
import { emptyXmlRefusal, wrappedRefusal, xmlRefusal, type Answer, type WholeAnswer } from './answer.ts'
import { answerEvents, eventsOf } from './kinesis-events.ts'
import { contentTypeOf, targetOf, type Api, type WireRequest } from './api.ts'
import { logFailure } from './failures.ts'

const TARGET_PREFIX = 'Kinesis_20131202'

export const contentTypes = {
  json: 'application/x-amz-json-1.1',
  cbor: 'application/x-amz-cbor-1.1',
} as const satisfies Record<Protocol, string>

/** Of an older protocol: recognised, and refused in its own form. */
const OLDER_CONTENT_TYPE = 'application/json'

export interface KinesisApiOptions {
  readonly handlers: Partial<Handlers>
  readonly log: EndpointLog
}

/** Serves the Kinesis API. It claims every request: put it last in the table of apis. */
export function kinesisApi({ handlers, log }: KinesisApiOptions): Api {
  return {
    name: 'kinesis',
    claims: () => true,
    refuse: (error, head) => {
      const protocol = protocolOf(contentTypeOf(head))
      const { status } = errors[error.code]
      return protocol === undefined ? { ...xmlRefusal(error), status } : refusal(error, protocol)
    },
    serve: async (request) => refusedByHead(request) ?? serveOperation(request, handlers, log),
  }
}

function protocolOf(contentType: string): Protocol | undefined {
  if (contentType === contentTypes.json) return 'json'
  return contentType === contentTypes.cbor ? 'cbor' : undefined
}

function operationOf({ head }: WireRequest): OperationName | undefined {
  const { prefix, operation } = targetOf(head)
  return prefix === TARGET_PREFIX && Object.hasOwn(operations, operation)
    ? (operation as OperationName)
    : undefined
}

/** Refuses what is no call of the API at all. */
function refusedByHead(request: WireRequest): Answer | undefined {
  const { head, body } = request
  if (head.method !== 'POST') return xmlRefusal(nothingNamed())
  const contentType = contentTypeOf(head)
  const protocol = protocolOf(contentType)
  if (body.length === 0) {
    const code = operationOf(request) ? 'SerializationException' : 'UnknownOperationException'
    return refusal(new KinesisError(code, ''), protocol ?? 'cbor')
  }
  if (contentType === OLDER_CONTENT_TYPE) {
    return isObject(body)
      ? wrappedRefusal('UnknownOperationException', 404)
      : wrappedRefusal('SerializationException', 400)
  }
  if (protocol !== undefined) return undefined
  const { prefix, operation } = targetOf(head)
  return prefix === '' || operation === ''
    ? xmlRefusal(nothingNamed())
    : emptyXmlRefusal('UnknownOperationException', 404)
}

async function serveOperation(
  request: WireRequest,
  handlers: Partial<Handlers>,
  log: EndpointLog,
): Promise<Answer> {
  const protocol = protocolOf(contentTypeOf(request.head)) ?? 'json'
  try {
    const operation = operationOf(request)
    if (operation === undefined) throw unknownOperation(request.body, protocol)
    const handler = (handlers[operation] ?? notServed) as Handler<OperationName>
    return await answerCall({ request, operation, protocol, handler, log })
  } catch (error) {
    return refusal(asAnswerable(error, request, log), protocol)
  }
}

function notServed(): Promise<never> {
  return Promise.reject(new KinesisError('UnknownOperationException', ''))
}

/** A body that is none is refused before an operation that is none. */
function unknownOperation(body: Uint8Array, protocol: Protocol): KinesisError {
  const isNoBody = protocol === 'json' && !isObject(body)
  return new KinesisError(isNoBody ? 'SerializationException' : 'UnknownOperationException', '')
}

interface Served {
  readonly request: WireRequest
  readonly operation: OperationName
  readonly protocol: Protocol
  readonly handler: Handler<OperationName>
  readonly log: EndpointLog
}

async function answerCall({ request, operation, protocol, handler, log }: Served): Promise<Answer> {
  const { body, requestId } = request
  const { caller, region } = await request.authenticate().catch((error: unknown) => {
    // A body that is none is refused before a signature that is none.
    throw unreadableBody(operation, body, protocol) ?? error
  })
  const input = decodeRequest(operation, body, protocol)
  const call: Call<OperationName> = {
    operation,
    input,
    caller,
    region,
    requestId,
    get signal() {
      return request.signal
    },
  }
  const output = await handler(call)
  const events = eventsOf(output)
  if (events !== undefined) {
    return answerEvents(operation, events, {
      protocol,
      refuse: (error) => asAnswerable(error, request, log),
    })
  }
  return {
    status: 200,
    contentType: contentTypes[protocol],
    body: bytesOf(encodeAnswer(operation, output, protocol)),
  }
}

/** A text of megabytes is not kept while its client takes its time: it would fill the heap. */
function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : body
}

/** A larger body than this is not read for a caller whom nobody knows. */
const UNSIGNED_BYTES_MAX = 64 * 1024

function unreadableBody(
  operation: OperationName,
  body: Uint8Array,
  protocol: Protocol,
): KinesisError | undefined {
  if (body.length > UNSIGNED_BYTES_MAX) return undefined
  try {
    decodeRequest(operation, body, protocol)
    return undefined
  } catch (error) {
    const isNoBody =
      error instanceof KinesisError && error.code === 'SerializationException' && error.message === ''
    return isNoBody ? error : undefined
  }
}

/** The error as it is answered. What is no fault of the client's is its operator's to know. */
function asAnswerable(error: unknown, request: WireRequest, log: EndpointLog): KinesisError {
  const told =
    error instanceof KinesisError ? error : new KinesisError('InternalFailureException', '', { cause: error })
  const what = targetOf(request.head).operation
  logFailure(log, { request, what, error, told, status: errors[told.code].status })
  return told
}

function refusal(error: KinesisError, protocol: Protocol): WholeAnswer {
  return {
    status: errors[error.code].status,
    contentType: contentTypes[protocol],
    body: encodeError(error, protocol),
  }
}

function nothingNamed(): KinesisError {
  return new KinesisError(
    'AccessDeniedException',
    'Unable to determine service/operation name to be authorized',
  )
}

function isObject(body: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString())
    return typeof value === 'object' && value !== null
  } catch {
    return false
  }
}
