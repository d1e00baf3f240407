// Bodies in JSON 1.1: parsing within bounds, and the values that JSON has no kind of its own for. Pure.
import { isUtf8 } from 'node:buffer'
import { bytesOfBase64 } from './base64.ts'
import { notConvertible, unreadable } from './coercion-refusals.ts'
import type { Leaves } from './reader.ts'

/**
 * Lists, maps and structures that a body may hold. A request of the API has some hundreds; a body made to fill memory, in which each
 * byte opens another, has millions.
 */
const NESTED_MAX = 250_000

/** Milliseconds before and after 1970 that a Date can tell. */
const DATE_MS_MAX = 8.64e15

export const jsonLeaves: Leaves = {
  blob: (value) => {
    if (typeof value !== 'string') throw notConvertible(value, 'a Blob')
    return bytesOfBase64(value)
  },
  timestamp: (value) => {
    if (typeof value !== 'number') throw notConvertible(value, 'milliseconds since epoch')
    return dateOf(value * 1000)
  },
}

/** The nearest moment that a Date can tell. */
export function dateOf(milliseconds: number): Date {
  return new Date(Math.min(Math.max(Math.round(milliseconds), -DATE_MS_MAX), DATE_MS_MAX))
}

/** The value of a JSON text. Fails with SerializationException, without a text, where it is none. */
export function parseJson(body: Uint8Array): unknown {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (!isUtf8(bytes) || isOvernested(bytes)) throw unreadable()
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown
  } catch {
    throw unreadable()
  }
}

function isOvernested(bytes: Buffer): boolean {
  return (
    bytes.length > NESTED_MAX &&
    occurrencesUpTo(NESTED_MAX, bytes, '[') + occurrencesUpTo(NESTED_MAX, bytes, '{') > NESTED_MAX
  )
}

function occurrencesUpTo(max: number, bytes: Buffer, character: string): number {
  const byte = character.charCodeAt(0)
  let count = 0
  for (let at = bytes.indexOf(byte); at !== -1 && count <= max; at = bytes.indexOf(byte, at + 1)) count++
  return count
}
