// The answers of operations that answer by events: frames, from the first one that clients insist on to the error that ends
// them. Runs in the endpoint.
import type { Protocol } from '../codecs/protocol.ts'
import { encodeError, encodeEvent } from '../codecs/answers.ts'
import type { KinesisError } from '../model/errors.ts'
import type { OperationName, OutputOf } from '../model/operations.ts'
import type { StreamedAnswer } from './answer.ts'
import { encodeFrame, EVENT_STREAM_TYPE } from './event-stream.ts'

/** Operations that answer by events. */
type EventOperation = {
  [N in OperationName]: OutputOf<N> extends { readonly EventStream: AsyncIterable<unknown> } ? N : never
}[OperationName]

type EventOf<N extends EventOperation> =
  OutputOf<N> extends { readonly EventStream: AsyncIterable<infer E> } ? E : never

type Events = AsyncIterable<EventOf<EventOperation>>

/** Content types of the payloads of events. */
const payloadTypes: Readonly<Record<Protocol, string>> = {
  json: 'application/json',
  cbor: 'application/cbor',
}

/** The events of an output; undefined where it is a whole answer. */
export function eventsOf(output: object): Events | undefined {
  return 'EventStream' in output ? (output.EventStream as Events) : undefined
}

interface EventsOptions {
  readonly protocol: Protocol
  /** Turns what the events throw into what the client is told. */
  readonly refuse: (error: unknown) => KinesisError
}

/** Frames the events of an operation, to be read once. */
export function answerEvents(
  operation: OperationName,
  events: Events,
  options: EventsOptions,
): StreamedAnswer {
  return {
    status: 200,
    contentType: EVENT_STREAM_TYPE,
    frames: framesOf(operation as EventOperation, events, options),
  }
}

async function* framesOf(
  operation: EventOperation,
  events: Events,
  { protocol, refuse }: EventsOptions,
): AsyncGenerator<Uint8Array, void> {
  const contentType = payloadTypes[protocol]
  // Some clients refuse a stream that does not begin with it.
  const payload = protocol === 'json' ? '{}' : EMPTY_CBOR_MAP
  yield encodeFrame({ kind: 'event', name: 'initial-response', contentType, payload })
  try {
    for await (const event of events) {
      const encoded = encodeEvent(operation, event, protocol)
      yield encodeFrame({ kind: 'event', name: encoded.type, contentType, payload: encoded.payload })
    }
  } catch (error) {
    const refused = refuse(error)
    yield encodeFrame({
      kind: 'exception',
      name: refused.code,
      contentType,
      payload: encodeError(refused, protocol),
    })
  }
}

const EMPTY_CBOR_MAP = Uint8Array.of(0xbf, 0xff)
