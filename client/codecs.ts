// How data becomes bytes and back: bytes as they are, JSON, msgpack, or JSON checked by a Standard Schema validator.
// Runs in the client, pure. A codec's types flow into the records of a producer and out of those of a reader.
// Codecs are synchronous: a producer keeps the order of its calls, and a reader the order of the stream.
// Ours give back what they were given, types included, or refuse it: a value never changes without a word.
import { isBytes } from '../protocol/bytes.ts'
import { MillraceError } from '../protocol/millrace-error.ts'
import { quoteText, surrogateFault } from '../protocol/text/text.ts'
import { encodeJson } from './codecs/json-encoder.ts'
import { decodeMsgpack } from './codecs/msgpack-decoder.ts'
import { MsgpackEncoder } from './codecs/msgpack-encoder.ts'
import { nameOf } from './codecs/value-kind.ts'
import { endSentence } from './errors.ts'
import type { StandardSchema } from './codecs/standard-schema.ts'

/** Turns values into payloads and back. Both may throw anything: the client reports it as `codecFailed`. */
export interface Codec<In, Out = In> {
  /** For messages: what the bytes are in. */
  readonly name: string
  /** The payload of a value. The bytes are copied before `encode` is called again. */
  encode(value: In): Uint8Array
  /** The value of a payload. `data` belongs to the record: keep it, do not change it. */
  decode(data: Uint8Array): Out
}

/** What a producer's `codec` option takes: a codec, or a schema by which JSON is checked. */
export type EncoderOption<In> = Codec<In, unknown> | { readonly schema: StandardSchema<In, unknown> }
/** What a reader's `codec` option takes: a codec, or a schema by which JSON is checked. */
export type DecoderOption<Out> = Codec<never, Out> | { readonly schema: StandardSchema<unknown, Out> }

/** What the default codec takes as data: bytes, or text that is sent as UTF-8. */
export type BytesInput = Uint8Array | string

const encoder = new TextEncoder()
// The first keeps a byte order mark, which belongs to a text; the second skips one, which JSON does not know.
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const jsonDecoder = new TextDecoder('utf-8', { fatal: true })

/** The default: bytes as they are; text is sent as UTF-8. Text that UTF-8 cannot carry fails, and everything else. */
export const bytes: Codec<BytesInput, Uint8Array> = {
  name: 'bytes',
  encode(value) {
    if (typeof value === 'string') return encodeText(value)
    if (isBytes(value)) return value
    throw refused(`data is ${nameOf(value)}, not bytes or a string: use a codec for anything else`)
  },
  decode: (data) => data,
}

/**
 * UTF-8 text in both directions: every character comes back, a byte order mark too. Bytes that are not UTF-8 fail, and
 * text with half of a surrogate pair, which UTF-8 cannot carry.
 */
export const text: Codec<string> = {
  name: 'text',
  encode(value) {
    if (typeof value !== 'string') throw refused(`data is ${nameOf(value)}, not a string`)
    return encodeText(value)
  },
  decode: (data) => decodeText(data, textDecoder),
}

/**
 * JSON in UTF-8. `T` is what the caller says it is: nothing is checked. A value comes back equal, types included, or is
 * refused with its path: undefined, NaN, Infinity, bigint, bytes, Map, Set, instances of classes, cycles, and whatever else
 * `JSON.stringify` leaves out or changes. The exception is its rule for `toJSON`: a value that has the method is sent as
 * what it answers, so that a Date comes back as text. Whatever was written elsewhere is read as `JSON.parse` reads it, after
 * a byte order mark, if there is one.
 */
export function json<T>(): Codec<T> {
  return {
    name: 'json',
    encode: (value) => encoder.encode(encodeJson(value)),
    decode(data) {
      const source = decodeText(data, jsonDecoder)
      try {
        return JSON.parse(source) as T
      } catch (cause) {
        throw refused(`The payload is not JSON: ${reasonOf(cause)}`, cause)
      }
    },
  }
}

/**
 * msgpack, as any other language reads it: nil, booleans, numbers, text, bytes, arrays, maps, and the timestamp type of its
 * specification for a Date; no other extension is written or read. `T` is what the caller says it is. A value comes back
 * equal, types included, or is refused with its path: undefined, functions, symbols, typed arrays other than Uint8Array, Map,
 * Set, RegExp, Error, instances of classes, invalid dates, bigints of more than 64 bits, cycles. A Buffer comes back as a
 * Uint8Array, and an object without a prototype as one with it.
 *
 * An integer is a number up to 32 bits and a bigint where it is written in 64: a number beyond 32 bits travels as float64.
 * What another language wrote as a 64-bit integer is a bigint, and a timestamp finer than a millisecond loses what a Date
 * has no room for; keys that are whole numbers become names.
 */
export function msgpack<T>(): Codec<T> {
  // A getter may encode something with the same codec meanwhile: it gets an encoder of its own.
  let idle: MsgpackEncoder | undefined
  return {
    name: 'msgpack',
    encode(value) {
      const encoder = idle ?? new MsgpackEncoder()
      idle = undefined
      try {
        return encoder.encode(value)
      } finally {
        idle = encoder
      }
    },
    decode: (data) => decodeMsgpack(data) as T,
  }
}

/** JSON whose values pass a validator (zod, valibot, arktype, …) on the way in and on the way out. */
export function schemaJson<In, Out>(schema: StandardSchema<In, Out>): Codec<In, Out> {
  const wire = json<unknown>()
  const check = (value: unknown): Out => {
    const result = schema['~standard'].validate(value)
    if (result instanceof Promise) {
      throw refused('the schema validates asynchronously; a codec must answer at once')
    }
    if (result.issues === undefined) return result.value
    throw refused(result.issues.map(issueText).join('; '))
  }
  return {
    name: `json checked by ${schema['~standard'].vendor}`,
    // What is sent is what the caller gave: a transforming schema transforms once, at the reader.
    encode(value) {
      check(value)
      return wire.encode(value)
    },
    decode: (data) => check(wire.decode(data)),
  }
}

function issueText(issue: { message: string; path?: readonly unknown[] | undefined }): string {
  const path = (issue.path ?? [])
    .map((step) => (typeof step === 'object' && step !== null && 'key' in step ? step.key : step))
    .map(String)
    .join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}

// Without an option the types are the defaults of every signature that takes one: those of `bytes`.
export function resolveEncoder<In>(option: EncoderOption<In> | undefined): Codec<In, unknown> {
  if (option === undefined) return bytes as Codec<In, unknown>
  return 'schema' in option ? schemaJson(option.schema) : option
}

export function resolveDecoder<Out>(option: DecoderOption<Out> | undefined): Codec<never, Out> {
  if (option === undefined) return bytes as Codec<never, unknown> as Codec<never, Out>
  return 'schema' in option ? schemaJson(option.schema) : option
}

/** A record's payload. Throws `codecFailed` where the codec throws, or gives something else than bytes. */
export function encodePayload<In>(
  codec: Codec<In, unknown>,
  record: { readonly partitionKey: string; readonly data: In },
): Uint8Array {
  const where = () => `The record with partition key ${quoteText(String(record.partitionKey))}`
  let payload: unknown
  try {
    payload = codec.encode(record.data)
  } catch (cause) {
    throw codecFailed(codec, where(), cause)
  }
  if (isBytes(payload)) return payload
  throw codecFailed(codec, where(), refused(`encode gave ${nameOf(payload)}, not bytes`))
}

/** The UTF-8 of a text. Throws `codecFailed` where it has none. */
function encodeText(value: string): Uint8Array {
  const fault = surrogateFault(value)
  if (fault !== undefined) throw refused(`data ${fault}`)
  return encoder.encode(value)
}

function decodeText(data: Uint8Array, decoder: typeof textDecoder): string {
  try {
    return decoder.decode(data)
  } catch (cause) {
    throw refused('The payload is not UTF-8', cause)
  }
}

function refused(reason: string, cause?: unknown): MillraceError {
  return new MillraceError('codecFailed', endSentence(reason), cause === undefined ? {} : { cause })
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** The error for a payload that a codec did not take. `where` names the record. */
export function codecFailed(codec: Codec<never, unknown>, where: string, cause: unknown): MillraceError {
  const message = endSentence(`${where} does not go through the codec ${codec.name}: ${reasonOf(cause)}`)
  return new MillraceError('codecFailed', message, { cause })
}
