// Encodes and decodes messages: an envelope [kind, id, correlationId, body] whose body a table describes. Runs anywhere.
// Bytes that are not an envelope close the connection. A request with a valid envelope and an invalid body is refused
// (RequestRefused) with the name of the field that is wrong.
import { fromWire, toWire } from './codec.ts'
import { errorCodeOf, errorCodes, type ErrorCode } from '../error-codes.ts'
import { events, type EventBody, type EventName } from '../events.ts'
import { encodeFrame } from './frame.ts'
import { limits } from '../limits.ts'
import { MillraceError } from '../millrace-error.ts'
import { unpack } from './msgpack-reader.ts'
import { Packed } from './msgpack-writer.ts'
import { operations, type OperationName, type RequestOf, type ResponseOf } from '../operations.ts'
import { field } from '../shapes.ts'

/** First field of an envelope. */
export const messageKinds = { request: 1, response: 2, error: 3, event: 4 } as const

/** Body of an error. The envelope's id is the error code's id; correlation id 0 means the connection as a whole. */
export const errorShape = {
  message: field.string(limits.textBytesMax, 'What was refused, the value, the limit, and what to do.'),
  retryAfterMs: field.optional(field.uint('When to try again, where the broker knows.')),
  currentVersion: field.optional(
    field.uint('With versionConflict: the version that the document has; 0 for none.'),
  ),
} as const

export type RequestMessage = {
  [N in OperationName]: {
    readonly kind: 'request'
    readonly operation: N
    readonly correlationId: number
    readonly request: RequestOf<N>
  }
}[OperationName]

export type EventMessage = {
  [N in EventName]: { readonly kind: 'event'; readonly event: N; readonly body: EventBody<N> }
}[EventName]

/** A received message. The receiver decodes a response by `decodeResponse`, since it knows which operation it requested. */
export type Message =
  | RequestMessage
  | { readonly kind: 'response'; readonly id: number; readonly correlationId: number; readonly wire: unknown }
  | { readonly kind: 'error'; readonly correlationId: number; readonly error: MillraceError }
  | EventMessage

/** Thrown for a request with a valid envelope and invalid content: send `error` as the answer to `correlationId`. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly correlationId: number
  readonly error: MillraceError

  constructor(correlationId: number, error: MillraceError) {
    super(error.message, { cause: error })
    this.correlationId = correlationId
    this.error = error
  }
}

const operationById = new Map<number, OperationName>(
  (Object.keys(operations) as OperationName[]).map((name) => [operations[name].id, name]),
)
const eventById = new Map<number, EventName>(
  (Object.keys(events) as EventName[]).map((name) => [events[name].id, name]),
)

/** Encodes a request as chunks for one vectored write. Byte fields of 1 KiB or more are not copied. */
export function encodeRequest<N extends OperationName>(
  operation: N,
  correlationId: number,
  request: RequestOf<N>,
): Uint8Array[] {
  const { id, request: shape } = operations[operation]
  return encodeFrame([messageKinds.request, id, correlationId, toWire(shape, request as never)])
}

/** Encodes the answer to a request as chunks. */
export function encodeResponse<N extends OperationName>(
  operation: N,
  correlationId: number,
  response: ResponseOf<N>,
): Uint8Array[] {
  const { id, response: shape } = operations[operation]
  return encodeFrame([messageKinds.response, id, correlationId, toWire(shape, response as never)])
}

/** An answer for many clients: it is encoded once, and the same bytes are sent to all of them without a copy. */
export class SharedResponse<N extends OperationName> {
  readonly operation: N
  readonly #body: Packed

  constructor(operation: N, response: ResponseOf<N>) {
    this.operation = operation
    this.#body = new Packed(toWire(operations[operation].response, response as never))
  }

  /** Returns the answer to one request as chunks. */
  encode(correlationId: number): Uint8Array[] {
    return encodeFrame([messageKinds.response, operations[this.operation].id, correlationId, this.#body])
  }
}

/**
 * Encodes a refusal as chunks. An error answer never fails itself: a message that is too long is cut, and numbers that the
 * wire cannot carry are rounded up, or left out.
 */
export function encodeError(
  correlationId: number,
  error: {
    code: ErrorCode
    message: string
    retryAfterMs?: number | undefined
    currentVersion?: number | undefined
  },
): Uint8Array[] {
  const { message, retryAfterMs, currentVersion } = error
  const body = {
    message: cutText(message),
    retryAfterMs: wholeOrNone(retryAfterMs),
    currentVersion: wholeOrNone(currentVersion),
  }
  return encodeFrame([messageKinds.error, errorCodes[error.code].id, correlationId, toWire(errorShape, body)])
}

function wholeOrNone(number: number | undefined): number | undefined {
  const whole = Math.ceil(Math.max(0, number ?? NaN))
  return Number.isSafeInteger(whole) ? whole : undefined
}

/** The body of an event that is sent: its lists may be packed already. */
export type EventToSend<N extends EventName> = {
  readonly [F in keyof EventBody<N>]:
    EventBody<N>[F] | (EventBody<N>[F] extends readonly unknown[] ? Packed : never)
}

/** From this size on, a batch that is sent to many is sent from where it lies. */
const SHARED_BATCH_BYTES_MIN = 32 * 1024

/** A body of a `records` event, of which only the batches matter. */
const anyRecords = {
  subscriptionId: 0,
  nextSequenceNumber: 0,
  tail: 0,
  millisBehindLatest: 0,
  time: undefined,
}
const BATCHES = Object.keys(events.records.body).indexOf('batches')

/** Checks and packs the batches of a `records` event once, for all subscriptions that are sent the same ones. */
export function packBatches(batches: readonly Uint8Array[]): Packed {
  const list = eventToWire('records', { ...anyRecords, batches })[BATCHES]
  return new Packed(list as readonly unknown[], SHARED_BATCH_BYTES_MIN)
}

/** Encodes an event as chunks. Byte fields of 1 KiB or more are not copied. */
export function encodeEvent<N extends EventName>(event: N, body: EventToSend<N>): Uint8Array[] {
  return encodeFrame([messageKinds.event, events[event].id, 0, eventToWire(event, body)])
}

function eventToWire<N extends EventName>(event: N, body: EventToSend<N>): unknown[] {
  return toWire(events[event].body, body as never)
}

/**
 * Decodes the message in a frame's payload; byte fields are views on the payload. Throws `malformedFrame` if the payload is
 * not a message, and RequestRefused if it is a request that can be answered with an error.
 */
export function decodeMessage(payload: Uint8Array): Message {
  const envelope = unpack(payload)
  if (!Array.isArray(envelope) || envelope.length < 4) {
    throw malformed('the envelope must be an array of kind, id, correlation id and body')
  }
  const [kind, id, correlationId, body] = envelope as unknown[]
  if (!isWhole(id) || !isWhole(correlationId)) throw malformed('id and correlation id must be whole numbers')
  switch (kind) {
    case messageKinds.request:
      return decodeRequest(id, correlationId, body)
    case messageKinds.response:
      return { kind: 'response', id, correlationId, wire: body }
    case messageKinds.error:
      return decodeError(id, correlationId, body)
    case messageKinds.event:
      return decodeEvent(id, body)
    default:
      throw malformed(`there is no message kind ${String(kind)}`)
  }
}

/** Decodes the response to an operation. Throws `internal` for an invalid body, which is a defect of the broker. */
export function decodeResponse<N extends OperationName>(operation: N, wire: unknown): ResponseOf<N> {
  try {
    return fromWire(operations[operation].response, wire)
  } catch (error) {
    throw new MillraceError('internal', `The answer to ${operation} cannot be read: ${textOf(error)}`, {
      cause: error,
    })
  }
}

function decodeRequest(id: number, correlationId: number, body: unknown): RequestMessage {
  const operation = operationById.get(id)
  if (operation === undefined) {
    throw new RequestRefused(
      correlationId,
      new MillraceError('unknownOperation', `There is no operation ${id} in this version of the protocol.`),
    )
  }
  try {
    const request = fromWire(operations[operation].request, body)
    return { kind: 'request', operation, correlationId, request } as RequestMessage
  } catch (error) {
    if (!MillraceError.is(error)) throw error
    throw new RequestRefused(correlationId, error)
  }
}

function decodeError(id: number, correlationId: number, body: unknown): Message {
  const { message, retryAfterMs, currentVersion } = readOrMalformed('an error', () =>
    fromWire(errorShape, body),
  )
  const options = {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(currentVersion === undefined ? {} : { currentVersion }),
  }
  return { kind: 'error', correlationId, error: new MillraceError(errorCodeOf(id), message, options) }
}

function decodeEvent(id: number, body: unknown): EventMessage {
  const event = eventById.get(id)
  if (event === undefined) throw malformed(`there is no event ${id} in this version of the protocol`)
  return readOrMalformed(event, () => {
    return { kind: 'event', event, body: fromWire(events[event].body, body) } as EventMessage
  })
}

function readOrMalformed<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw malformed(`the body of ${what} is wrong: ${textOf(error)}`)
  }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Cuts a text to the limit and replaces half surrogate pairs, from a quoted name or from the cut itself. */
function cutText(text: string): string {
  // UTF-8 takes at most three bytes per UTF-16 unit.
  const isShort = Buffer.byteLength(text) <= limits.textBytesMax
  return (isShort ? text : text.slice(0, Math.floor(limits.textBytesMax / 3))).toWellFormed()
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function malformed(reason: string): MillraceError {
  return new MillraceError('malformedFrame', `The frame does not hold a message of this protocol: ${reason}.`)
}
