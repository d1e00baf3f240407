// The kinds of objects, for codecs: plain objects and arrays, bytes and dates, and all others, which no format gives back
// unchanged. Runs in the client, pure.
// Objects of another realm (a test runner's, a vm's) have other prototypes, but count alike.
import { types } from 'node:util'
import { isBytes } from '../../protocol/bytes.ts'

export type ObjectKind = 'object' | 'array' | 'bytes' | 'date' | 'other'

/** Returns the kind. Instances of a class are 'other', even if it extends a kind, because they would lose their class. */
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

/** Returns true if the prototype has the method itself: that of a built-in class has, that of a class that extends it not. */
function isOwnerOf(prototype: object | null, method: string): boolean {
  return prototype !== null && Object.hasOwn(prototype, method)
}

/** Returns the name in messages of a value that a codec refuses. */
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
