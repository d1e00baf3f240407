// Why a codec refuses what its format has no form for, in the words that JSON and msgpack share. Runs in the client, pure.
import { types } from 'node:util'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { nameOf } from './value-kind.ts'
import type { ValuePath } from './value-path.ts'

export type Format = 'JSON' | 'msgpack'

const bytesForm: Readonly<Record<Format, string>> = {
  JSON: 'JSON has no form for bytes: send a text or an array of numbers, or use msgpack()',
  msgpack: 'msgpack has a form for plain bytes only: send a Uint8Array of them, or an array of numbers',
}

/** The refusal of a value that would come back as something else, or not at all, with what to send in its place. */
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

/** Refuses the fields of an object or array that are none of its `keys`, or elements: they would be lost without a word. */
export function refuseExtras(path: ValuePath, value: object, keyCount: number, format: Format): void {
  if (Object.getOwnPropertySymbols(value).length > 0) {
    throw path.refusal(`has a field that is named by a symbol, which ${format} has no form for`)
  }
  if (Array.isArray(value) && keyCount !== value.length) {
    throw path.refusal(`is an array with fields beside its elements, which ${format} has no form for`)
  }
}

/** Whatever a getter or a `toJSON` of the caller's threw, as the refusal of the place where it stands. */
export function refusalOf(path: ValuePath, thrown: unknown): MillraceError {
  if (MillraceError.is(thrown, 'codecFailed')) return thrown
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return path.refusal(`cannot be read: ${reason.replace(/\.$/, '')}`, thrown)
}
