// Writes the bodies of answers, of the events of a subscription and of errors. Pure.
import { cborWriterOf } from './cbor-writer.ts'
import { jsonWriterOf } from './json-writer.ts'
import type { Protocol } from './protocol.ts'
import type { KinesisError } from '../model/errors.ts'
import { operations, type OperationName, type OutputOf } from '../model/operations.ts'
import { map, text, type EventStreamShape, type StructureShape } from '../model/shape.ts'

/** The body of an answer or error: empty where there is nothing to tell. */
export type Body = string | Uint8Array

/** One event of an answer without end. */
export interface EncodedEvent {
  /** What the event is called in its frame. */
  readonly type: string
  readonly payload: Body
}

interface Format {
  readonly writerOf: (shape: StructureShape) => (value: unknown) => Body
  readonly error: (members: Readonly<Record<string, string>>) => Body
}

const formats: Readonly<Record<Protocol, Format>> = {
  json: { writerOf: jsonWriterOf, error: (members) => JSON.stringify(members) },
  cbor: { writerOf: cborWriterOf, error: cborWriterOf(map(text({}), text({}), {})) },
}

const writers = new Map<string, (value: unknown) => Body>()

/** The body of an operation's answer. An operation without output has an empty one. */
export function encodeAnswer<N extends OperationName>(
  operation: N,
  output: OutputOf<N>,
  protocol: Protocol,
): Body {
  const shape: StructureShape = operations[operation].output
  if (Object.keys(shape.members).length === 0) return ''
  return writerFor(operation, shape, protocol)(output)
}

/** Operations that answer by events, and what their events are. */
type EventOf<N extends OperationName> =
  OutputOf<N> extends { readonly EventStream: AsyncIterable<infer E> } ? E : never

/** One event of an operation's answer: an object with one member, which names the event. */
export function encodeEvent<N extends OperationName>(
  operation: N,
  event: EventOf<N>,
  protocol: Protocol,
): EncodedEvent {
  const [entry] = Object.entries(event as Readonly<Record<string, unknown>>)
  const stream: EventStreamShape | undefined = eventStreamOf(operations[operation].output)
  const shape = entry === undefined ? undefined : stream?.events[entry[0]]
  if (entry === undefined || shape === undefined) throw new Error(`${operation} has no such event`)
  const [type, value] = entry
  return { type, payload: writerFor(`${operation} ${type}`, shape, protocol)(value) }
}

/** The body of an error. The service spells the text's member with a capital where it could not read the request. */
export function encodeError(error: KinesisError, protocol: Protocol): Body {
  const textMember = error.code === 'SerializationException' ? 'Message' : 'message'
  return formats[protocol].error({
    __type: error.code,
    ...(error.message === '' ? {} : { [textMember]: error.message }),
  })
}

function writerFor(name: string, shape: StructureShape, protocol: Protocol): (value: unknown) => Body {
  const key = `${protocol} ${name}`
  let write = writers.get(key)
  if (write === undefined) {
    write = formats[protocol].writerOf(shape)
    writers.set(key, write)
  }
  return write
}

function eventStreamOf(output: StructureShape): EventStreamShape | undefined {
  for (const { shape } of Object.values(output.members)) if (shape.kind === 'eventStream') return shape
  return undefined
}
