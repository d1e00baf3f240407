// How data becomes bytes and back: bytes as they are, JSON, msgpack, or JSON checked by a Standard Schema validator.
// Runs in the client, pure. A codec's types flow into the records of a producer and out of those of a reader.
// Codecs are synchronous: a producer keeps the order of its calls, and a reader the order of the stream.
import { Packr } from 'msgpackr'
import { MillraceError } from '../protocol/millrace-error.ts'
import { endSentence } from './errors.ts'
import type { StandardSchema } from './standard-schema.ts'

/** Turns values into payloads and back. Both may throw anything: the client reports it as `codecFailed`. */
export interface Codec<In, Out = In> {
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
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The default: bytes as they are; text is sent as UTF-8. */
export const bytes: Codec<BytesInput, Uint8Array> = {
  name: 'bytes',
  encode(value) {
    if (typeof value === 'string') return encoder.encode(value)
    if (value instanceof Uint8Array) return value
    throw new TypeError(`data must be bytes or a string, got ${typeof value}; use a codec for anything else`)
  },
  decode: (data) => data,
}

/** UTF-8 text in both directions. Bytes that are not UTF-8 fail. */
export const text: Codec<string> = {
  name: 'text',
  encode: (value) => encoder.encode(value),
  decode: (data) => decoder.decode(data),
}

/** JSON in UTF-8. `T` is what the caller says it is: nothing is checked. */
export function json<T>(): Codec<T> {
  return {
    name: 'json',
    encode(value) {
      const encoded = JSON.stringify(value) as string | undefined
      if (encoded === undefined) throw new TypeError(`${typeof value} has no JSON form`)
      return encoder.encode(encoded)
    },
    decode: (data) => JSON.parse(decoder.decode(data)) as T,
  }
}

/** msgpack, without extensions: what any other language reads. `T` is what the caller says it is. */
export function msgpack<T>(): Codec<T> {
  const packr = new Packr({ useRecords: false, moreTypes: false, structuredClone: false })
  return {
    name: 'msgpack',
    encode: (value) => packr.pack(value),
    decode: (data) => packr.unpack(data) as T,
  }
}

/** JSON whose values pass a validator (zod, valibot, arktype, …) on the way in and on the way out. */
export function schemaJson<In, Out>(schema: StandardSchema<In, Out>): Codec<In, Out> {
  const wire = json<unknown>()
  const check = (value: unknown): Out => {
    const result = schema['~standard'].validate(value)
    if (result instanceof Promise) {
      throw new TypeError('the schema validates asynchronously; a codec must answer at once')
    }
    if (result.issues === undefined) return result.value
    throw new TypeError(result.issues.map(issueText).join('; '))
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

/** The error for a payload that a codec did not take. `where` names the record. */
export function codecFailed(codec: Codec<never, unknown>, where: string, cause: unknown): MillraceError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = endSentence(`${where} does not go through the codec ${codec.name}: ${reason}`)
  return new MillraceError('codecFailed', message, { cause })
}
