// Codecs turn data into bytes and back: plain bytes, JSON, msgpack, or JSON checked by a Standard Schema validator.
// Runs in the client, pure. The types of a codec become the types of a producer's and a reader's records.
// Codecs are synchronous, so that a producer keeps the order of its calls, and a reader the order of the stream.
// The codecs here give back an equal value of the same types, or refuse it: they never change a value silently.
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
  /** Name of the format, for messages. */
  readonly name: string
  /** Returns the payload of a value. The bytes are copied before `encode` is called again. */
  encode(value: In): Uint8Array
  /**
   * Returns the value of a payload. `data` belongs to the record: it may be kept, but not changed. Readers give the keys of the
   * record, for a codec that needs them.
   */
  decode(data: Uint8Array, record?: RecordKeys): Out
}

/** The keys of the record whose payload is decoded. */
export interface RecordKeys {
  /** Its partition key. */
  readonly partitionKey: string
  /** The hash key that was given in the place of that of the partition key: a decimal. */
  readonly explicitHashKey: string | undefined
}

/** The `codec` option of a producer: a codec, or a schema that checks JSON. */
export type EncoderOption<In> = Codec<In, unknown> | { readonly schema: StandardSchema<In, unknown> }
/** The `codec` option of a reader: a codec, or a schema that checks JSON. */
export type DecoderOption<Out> = Codec<never, Out> | { readonly schema: StandardSchema<unknown, Out> }

/** Data of the default codec: bytes, or text that is sent as UTF-8. */
export type BytesInput = Uint8Array | string

const encoder = new TextEncoder()
// The first keeps a byte order mark, which is part of a text; the second skips one, which is not part of JSON.
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const jsonDecoder = new TextDecoder('utf-8', { fatal: true })

/** The default: plain bytes; text is sent as UTF-8. Any other value fails, and so does text that UTF-8 cannot hold. */
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
 * UTF-8 text in both directions: every character comes back, a byte order mark too. Bytes that are not UTF-8 fail, and so does
 * text with half of a surrogate pair, which UTF-8 cannot hold.
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
 * JSON in UTF-8. `T` is the caller's claim: nothing checks it. A value comes back equal, types included, or is
 * refused with its path: undefined, NaN, Infinity, bigint, bytes, Map, Set, instances of classes, cycles, and all else that
 * `JSON.stringify` leaves out or changes. The exception is its rule for `toJSON`: the result of that method is sent in place of
 * the value, so a Date comes back as text. JSON of other programs is read as `JSON.parse` reads it, after a byte order mark if
 * there is one.
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
 * specification for a Date; no other extension is written or read. `T` is the caller's claim. A value comes back
 * equal, types included, or is refused with its path: undefined, functions, symbols, typed arrays other than Uint8Array, Map,
 * Set, RegExp, Error, instances of classes, invalid dates, bigints of more than 64 bits, cycles. A Buffer comes back as a
 * Uint8Array, and an object without a prototype as one with it.
 *
 * An integer is a number up to 32 bits and a bigint where it is written in 64: a number beyond 32 bits travels as float64.
 * A 64-bit integer of another language is read as a bigint. A timestamp finer than a millisecond is cut to what a Date holds.
 * Keys that are whole numbers become names.
 */
export function msgpack<T>(): Codec<T> {
  // A getter may encode a value with the same codec meanwhile; that call gets an encoder of its own.
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
    // The caller's value is sent, not the result of the schema, so that a transforming schema transforms once, at the reader.
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

// Without an option, the types are those of `bytes`, which are the defaults of all signatures with the option.
export function resolveEncoder<In>(option: EncoderOption<In> | undefined): Codec<In, unknown> {
  if (option === undefined) return bytes as Codec<In, unknown>
  return 'schema' in option ? schemaJson(option.schema) : option
}

export function resolveDecoder<Out>(option: DecoderOption<Out> | undefined): Codec<never, Out> {
  if (option === undefined) return bytes as Codec<never, unknown> as Codec<never, Out>
  return 'schema' in option ? schemaJson(option.schema) : option
}

/** Returns a record's payload. Throws `codecFailed` if the codec throws, or returns anything but bytes. */
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

/** Returns the UTF-8 of a text. Throws `codecFailed` if it has none. */
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

/** Makes the error for a payload that a codec refused. `where` names the record. */
export function codecFailed(codec: Codec<never, unknown>, where: string, cause: unknown): MillraceError {
  const message = endSentence(`${where} does not go through the codec ${codec.name}: ${reasonOf(cause)}`)
  return new MillraceError('codecFailed', message, { cause })
}
