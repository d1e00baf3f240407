// What kind of object a value is, as far as a codec may write it: plain objects and arrays, bytes and dates, and whatever
// else there is, which no format gives back as it was. Runs in the client, pure.
// Objects of another realm (a test runner's, a vm's) count like our own, whose prototypes are other objects.
import { types } from 'node:util'
import { isBytes } from '../../protocol/bytes.ts'

export type ObjectKind = 'object' | 'array' | 'bytes' | 'date' | 'other'

/** Instances of a class are 'other', also where the class extends one of the kinds: they would come back without it. */
export function kindOf(value: object): ObjectKind {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === Object.prototype && !Array.isArray(value)) return 'object'
  if (Array.isArray(value)) {
    return prototype === Array.prototype || isOwnerOf(prototype, 'findLastIndex') ? 'array' : 'other'
  }
  if (prototype === null) return 'object'
  if (isBytes(value)) {
    const isPlain = prototype === Buffer.prototype || isOwnerOf(prototype, 'BYTES_PER_ELEMENT')
    return isPlain ? 'bytes' : 'other'
  }
  if (types.isDate(value)) return isOwnerOf(prototype, 'getUTCDate') ? 'date' : 'other'
  return isOwnerOf(prototype, 'isPrototypeOf') ? 'object' : 'other'
}

/** A prototype of a built-in class, of any realm, has its methods itself; that of a class which extends it has not. */
function isOwnerOf(prototype: object | null, method: string): boolean {
  return prototype !== null && Object.hasOwn(prototype, method)
}

/** What a message calls a value that a codec refuses. */
export function nameOf(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value !== 'object' || value === null) return String(value)
  const { constructor } = value as { constructor?: unknown }
  const name = typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'a class'
  const isBuiltIn = typeof constructor === 'function' && name in globalThis
  if (isBuiltIn) return /^[AEIO]/.test(name) ? `an ${name}` : `a ${name}`
  return `an instance of ${name}`
}
