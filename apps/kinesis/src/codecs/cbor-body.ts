// Bodies in application/x-amz-cbor-1.1: parsing, and the values that CBOR has kinds of its own for. Pure.
import { bytesOfBase64 } from './base64.ts'
import { parseCborValue } from './cbor-parser.ts'
import { notConvertible, unreadable } from './coercion-refusals.ts'
import { dateOf } from './moments.ts'
import type { Leaves } from './reader.ts'

export const cborLeaves: Leaves = {
  // The service's reader takes base64 text for bytes here too; SDKs send byte strings.
  blob: (value) => {
    if (value instanceof Uint8Array) return value
    if (typeof value === 'string') return bytesOfBase64(value)
    throw notConvertible(value, 'a Blob')
  },
  /** Milliseconds, with the tag of a moment or without. */
  timestamp: (value) => {
    if (value instanceof Date) return dateOf(value.getTime())
    if (typeof value === 'number' || typeof value === 'bigint') return dateOf(Number(value))
    throw notConvertible(value, 'milliseconds since epoch')
  },
}

/** The value of a CBOR body. Fails with SerializationException, without a text, where it is none. */
export function parseCbor(body: Uint8Array): unknown {
  const value = parseCborValue(body)
  if (value === undefined) throw unreadable()
  return value
}
