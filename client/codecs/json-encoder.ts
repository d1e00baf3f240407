// Writes a value as JSON text, in one walk that checks what it writes. Runs in the client.
// It writes what `JSON.stringify` writes, but refuses, with its path, a value that JSON.stringify leaves out or changes. The
// exception is the rule for `toJSON`, whose result replaces the value: a Date comes back as text.
import { types } from 'node:util'
import { noForm, refusalOf, refuseExtras } from './refusals.ts'
import { kindOf } from './value-kind.ts'
import { ValuePath } from './value-path.ts'

/** Returns the JSON text of a value. Throws `codecFailed` with the path of a value that JSON has no form for. */
export function encodeJson(value: unknown): string {
  // Each call has its own path, because a getter or a `toJSON` may encode another value.
  const path = new ValuePath()
  try {
    return textOf(path, value, '')
  } catch (error) {
    throw refusalOf(path, error)
  }
}

function textOf(path: ValuePath, value: unknown, key: string | number): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number') return numberText(path, value)
  if (value === null || typeof value === 'boolean') return String(value)
  const standIn = standInOf(path, value, key)
  // The result of `toJSON` is not asked for its own `toJSON`.
  if (standIn !== undefined)
    return isObject(standIn.value) ? objectText(path, standIn.value) : textOf(path, standIn.value, key)
  if (isObject(value)) return objectText(path, value)
  throw noForm(path, value, 'JSON')
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function objectText(path: ValuePath, value: object): string {
  const kind = kindOf(value)
  if (kind === 'object') return fieldsText(path, value as Record<string, unknown>)
  if (kind === 'array') return elementsText(path, value as unknown[])
  throw noForm(path, value, 'JSON')
}

function fieldsText(path: ValuePath, value: Record<string, unknown>): string {
  const keys = Object.keys(value)
  let text = '{'
  path.enter(value)
  for (const key of keys) {
    path.step(key)
    const field = textOf(path, value[key], key)
    text += `${text === '{' ? '' : ','}${quoted(key)}:${field}`
  }
  path.leave()
  refuseExtras(path, value, keys.length, 'JSON')
  return `${text}}`
}

function elementsText(path: ValuePath, value: readonly unknown[]): string {
  const { length } = value
  let text = '['
  path.enter(value)
  // A hole reads as undefined, and is refused like one.
  for (let i = 0; i < length; i++) {
    path.step(i)
    const element = textOf(path, value[i], i)
    text += i === 0 ? element : `,${element}`
  }
  path.leave()
  refuseExtras(path, value, Object.keys(value).length, 'JSON')
  return `${text}]`
}

/** Text that needs no escape. Most texts are such, and this check costs less than the call that quotes any text. */
const unescaped = /^[ !#-[\]-~]*$/

function quoted(text: string): string {
  return text.length < 64 && unescaped.test(text) ? `"${text}"` : JSON.stringify(text)
}

function numberText(path: ValuePath, value: number): string {
  if (!Number.isFinite(value)) throw path.refusal(`is ${value}, which JSON has no form for`)
  return Object.is(value, -0) ? '-0' : String(value)
}

/** Returns the result of a value's `toJSON`, if it has one. Bytes are refused, also a Buffer, which would become an object. */
function standInOf(path: ValuePath, value: unknown, key: string | number): { value: unknown } | undefined {
  if (typeof value !== 'object' && typeof value !== 'bigint') return undefined
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON !== 'function' || ArrayBuffer.isView(value)) return undefined
  const standIn: unknown = toJSON.call(value, String(key))
  if (standIn === null && types.isDate(value)) throw path.refusal('is an invalid Date')
  return { value: standIn }
}
