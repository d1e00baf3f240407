// The headers of a record: names and bytes beside its data, for those who route or trace. Runs anywhere, pure.
// How they lie is drawn in record-layout.ts; a producer's are checked here before a byte of them is written.
import { isBytes, readU32, writeU32 } from './bytes.ts'
import { limits } from './limits.ts'
import { MillraceError } from './millrace-error.ts'
import { checkText } from './text.ts'
import { utf8Length } from './utf8.ts'

export type RecordHeaders = Readonly<Record<string, Uint8Array>>

export const NO_HEADERS: RecordHeaders = Object.freeze({})

/** The bytes that headers take in a record. Throws `invalidArgument` where they pass a limit. */
export function measureHeaders(headers: RecordHeaders): number {
  const entries = Object.entries(headers)
  if (entries.length > limits.recordHeadersMax) {
    throw refused(`A record has at most ${limits.recordHeadersMax} headers; this one has ${entries.length}.`)
  }
  let bytes = 1
  for (const [name, value] of entries) {
    checkText("A header's name", name)
    const nameBytes = Buffer.byteLength(name)
    const shown = JSON.stringify(name.slice(0, 40))
    if (nameBytes === 0 || nameBytes > limits.recordHeaderNameBytesMax) {
      throw refused(
        `A header's name has 1 to ${limits.recordHeaderNameBytesMax} bytes; ${shown} has ${nameBytes}.`,
      )
    }
    if (!isBytes(value)) throw refused(`Header ${shown} must be bytes (a Uint8Array or Buffer).`)
    if (value.length > limits.recordHeaderValueBytesMax) {
      throw refused(
        `Header ${shown} has ${value.length} bytes; the limit is ${limits.recordHeaderValueBytesMax}.`,
      )
    }
    bytes += 1 + nameBytes + 4 + value.length
  }
  return bytes
}

/** Writes measured headers; answers where they end. */
export function writeHeaders(buffer: Buffer, from: number, headers: RecordHeaders): number {
  const entries = Object.entries(headers)
  let at = from
  buffer[at++] = entries.length
  for (const [name, value] of entries) {
    const nameBytes = buffer.write(name, at + 1, 'utf8')
    buffer[at] = nameBytes
    at += 1 + nameBytes
    writeU32(buffer, at, value.length)
    buffer.set(value, at + 4)
    at += 4 + value.length
  }
  return at
}

/**
 * Where the headers at `from` end. Below 0 where they are not as they must be: −1 they do not fit before `end`, −2 they
 * are too many, −3 a name is empty or not UTF-8, −4 two have one name, −5 a value is too long. `recordFaults` in
 * record-layout.ts lists them in this order.
 */
export function headersEndOf(bytes: Uint8Array, from: number, end: number): number {
  if (from >= end) return -1
  let at = from
  const count = bytes[at++]!
  if (count > limits.recordHeadersMax) return -2
  for (let i = 0; i < count; i++) {
    const nameAt = at + 1
    if (at >= end) return -1
    at += 1 + bytes[at]!
    if (at + 4 > end) return -1
    if (at === nameAt || utf8Length(bytes, nameAt, at) < 0) return -3
    // A reader finds headers by name: of two with one name it would lose one.
    if (!addName(bytes, nameAt, at, i)) return -4
    const valueBytes = readU32(bytes, at)
    if (valueBytes > limits.recordHeaderValueBytesMax) return -5
    at += 4 + valueBytes
    if (at > end) return -1
  }
  return at
}

// The names of the headers being walked: hashes, and where the names lie. Walking never yields, so one of each will do.
// There are two hashes, because names that have both in common, and would be compared byte by byte, are hard to find.
const nameHashes = new Int32Array(limits.recordHeadersMax)
const otherHashes = new Int32Array(limits.recordHeadersMax)
const nameStarts = new Int32Array(limits.recordHeadersMax)
const nameEnds = new Int32Array(limits.recordHeadersMax)

/** Takes the name number `index` in; returns false if one before it is the same. */
function addName(bytes: Uint8Array, from: number, end: number, index: number): boolean {
  let hash = end - from
  let other = ~hash
  for (let at = from; at < end; at++) {
    hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
    other = Math.imul(other ^ bytes[at]!, 0x5bd1e995) ^ (other >>> 15)
  }
  for (let i = 0; i < index; i++) {
    if (nameHashes[i] !== hash || otherHashes[i] !== other) continue
    if (isSame(bytes, nameStarts[i]!, nameEnds[i]!, from, end)) return false
  }
  nameHashes[index] = hash
  otherHashes[index] = other
  nameStarts[index] = from
  nameEnds[index] = end
  return true
}

function isSame(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false
  for (let i = 0; a + i < aEnd; i++) if (bytes[a + i] !== bytes[b + i]) return false
  return true
}

/** The headers at `from`, which must be there whole. Values are views. */
export function readHeaders(bytes: Buffer, from: number): RecordHeaders {
  // No prototype: a header may have any name, even __proto__.
  const headers = Object.create(null) as Record<string, Uint8Array>
  let at = from
  let left = bytes[at++]!
  while (left-- > 0) {
    const valueAt = at + 1 + bytes[at]!
    const valueEnd = valueAt + 4 + readU32(bytes, valueAt)
    headers[bytes.toString('utf8', at + 1, valueAt)] = bytes.subarray(valueAt + 4, valueEnd)
    at = valueEnd
  }
  return headers
}

function refused(message: string): MillraceError {
  return new MillraceError('invalidArgument', message)
}
