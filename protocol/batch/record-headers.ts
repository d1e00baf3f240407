// Reads and writes the headers of a record: names and bytes beside its data, for routing and tracing. Runs anywhere, pure.
// record-layout.ts has their layout. A producer's headers are checked before anything is written.
import { isBytes, readU32, writeU32 } from '../bytes.ts'
import { limits } from '../limits.ts'
import { MillraceError } from '../millrace-error.ts'
import { checkText } from '../text/text.ts'
import { utf8Length } from '../text/utf8.ts'

export type RecordHeaders = Readonly<Record<string, Uint8Array>>

export const NO_HEADERS: RecordHeaders = Object.freeze({})

/** Returns the bytes that headers take in a record. Throws `invalidArgument` if they exceed a limit. */
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

/** Writes headers that `measureHeaders` has checked, and returns the index after them. */
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
 * Returns the index after the headers at `from`, or a negative number if they are invalid: −1 they do not fit before `end`,
 * −2 there are too many, −3 a name is empty or not UTF-8, −4 two have the same name, −5 a value is too long.
 * `recordFaults` in record-layout.ts lists these faults in the same order.
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
    // Readers look headers up by name, so a second header of the same name would be lost.
    if (!addName(bytes, nameAt, at, i)) return -4
    const valueBytes = readU32(bytes, at)
    if (valueBytes > limits.recordHeaderValueBytesMax) return -5
    at += 4 + valueBytes
    if (at > end) return -1
  }
  return at
}

// The names of the headers being checked: two hashes and the place of each name. Checking never yields, so one set of arrays
// is enough per thread. Two hashes make it hard to craft names with equal hashes, which would be compared byte by byte.
const nameHashes = new Int32Array(limits.recordHeadersMax)
const otherHashes = new Int32Array(limits.recordHeadersMax)
const nameStarts = new Int32Array(limits.recordHeadersMax)
const nameEnds = new Int32Array(limits.recordHeadersMax)

/** Adds the name number `index`. Returns false if an earlier name is the same. */
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

/** Reads the headers at `from`, which must be complete. Values are views on `bytes`. */
export function readHeaders(bytes: Buffer, from: number): RecordHeaders {
  // The object has no prototype, since a header may have any name, even __proto__.
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
