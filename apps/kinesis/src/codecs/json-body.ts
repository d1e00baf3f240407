// Bodies in JSON 1.1: parsing within bounds, and the values that JSON has no kind of its own for. Pure.
import { isUtf8 } from 'node:buffer'
import { bytesOfBase64 } from './base64.ts'
import { notConvertible, unreadable } from './coercion-refusals.ts'
import { dateOf } from './moments.ts'
import type { Leaves } from './reader.ts'

/** Values that a body may hold: a request of the API has some thousands, a body made to fill memory millions. */
const ITEMS_MAX = 250_000

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

/** The value of a JSON text. Fails with SerializationException, without a text, where it is none. */
export function parseJson(body: Uint8Array): unknown {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (!isUtf8(bytes) || isOverfull(bytes)) throw unreadable()
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown
  } catch {
    throw unreadable()
  }
}

/** A body of fewer bytes cannot hold more values: only large ones are looked through. Characters within texts count as well. */
function isOverfull(bytes: Buffer): boolean {
  if (bytes.length <= ITEMS_MAX) return false
  let items = 0
  for (const mark of ['[', '{', ',']) {
    const byte = mark.charCodeAt(0)
    for (let at = bytes.indexOf(byte); at !== -1; at = bytes.indexOf(byte, at + 1)) {
      if (++items > ITEMS_MAX) return true
    }
  }
  return false
}
