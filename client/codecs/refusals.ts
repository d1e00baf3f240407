// The errors for values that a format has no form for, with texts that JSON and msgpack share. Runs in the client, pure.
import { types } from 'node:util'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { nameOf } from './value-kind.ts'
import type { ValuePath } from './value-path.ts'

export type Format = 'JSON' | 'msgpack'

const bytesForm: Readonly<Record<Format, string>> = {
  JSON: 'JSON has no form for bytes: send a text or an array of numbers, or use msgpack()',
  msgpack: 'msgpack has a form for plain bytes only: send a Uint8Array of them, or an array of numbers',
}

/** Makes the error for a value that would come back changed, or not at all. It says what to send in its place. */
export function noForm(path: ValuePath, value: unknown, format: Format): MillraceError {
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    return path.refusal(`is ${nameOf(value)}, and ${bytesForm[format]}`)
  }
  if (value === undefined) {
    return path.refusal(`is undefined, which ${format} has no form for: leave it out, or send null`)
  }
  const advice = typeof value === 'object' ? ': send a plain object, an array or a text in its place' : ''
  return path.refusal(`is ${nameOf(value)}, which ${format} has no form for${advice}`)
}

/** Refuses fields of an object that are not among its `keys`, or of an array beside its elements: they would be lost. */
export function refuseExtras(path: ValuePath, value: object, keyCount: number, format: Format): void {
  if (Object.getOwnPropertySymbols(value).length > 0) {
    throw path.refusal(`has a field that is named by a symbol, which ${format} has no form for`)
  }
  if (Array.isArray(value) && keyCount !== value.length) {
    throw path.refusal(`is an array with fields beside its elements, which ${format} has no form for`)
  }
}

/** Turns an error that a getter or a `toJSON` of the caller threw into the error for its place. */
export function refusalOf(path: ValuePath, thrown: unknown): MillraceError {
  if (MillraceError.is(thrown, 'codecFailed')) return thrown
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return path.refusal(`cannot be read: ${reason.replace(/\.$/, '')}`, thrown)
}
