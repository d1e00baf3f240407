// The headers of a record: names and bytes beside its data, for those who route or trace. Runs anywhere, pure.
// How they lie is drawn in record-layout.ts; a producer's are checked here before a byte of them is written.
import { isBytes, readU32, writeU32 } from './bytes.ts'
import { limits } from './limits.ts'
import { MillraceError } from './millrace-error.ts'

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

/** Where the headers at `from` end; −1 where that is beyond `end`. Answers nothing else about them. */
export function headersEndOf(bytes: Uint8Array, from: number, end: number): number {
  if (from >= end) return -1
  let at = from
  const count = bytes[at++]!
  for (let i = 0; i < count; i++) {
    if (at >= end) return -1
    at += 1 + bytes[at]!
    if (at + 4 > end) return -1
    at += 4 + readU32(bytes, at)
    if (at > end) return -1
  }
  return at
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
