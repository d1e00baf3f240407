// Reads msgpack from an untrusted peer. Runs anywhere, pure. Knows what the protocol uses: nil, booleans, numbers, text,
// bytes and arrays; a map or an extension reads as an opaque mark that every field refuses by name.
// Invariant: nothing is allocated for a length before the payload is known to hold as many bytes, counted over all arrays
// together, so a payload of n bytes yields at most n values. A general decoder does not guarantee that, and accepts maps and
// extensions. `msgpack.test.ts` compares this reader with msgpackr on what the protocol uses.
import { readU32BigEndian } from '../bytes.ts'
import { MillraceError } from '../millrace-error.ts'
import { countOf, nounFor } from '../text/count-text.ts'

/** Deepest nesting of arrays. The deepest message of the protocol needs six. */
const DEPTH_MAX = 16

/** Up to this length a loop reads faster than a call into Node; longer texts would become V8 ropes. */
const SHORT_TEXT_BYTES_MAX = 12

const EMPTY = new Uint8Array(0)
const TWO_32 = 0x1_0000_0000

/** Stands for a map or an extension, which no field accepts. */
class Unsupported {
  readonly kind: string

  constructor(kind: string) {
    this.kind = kind
  }
}

const MAP = new Unsupported('a map')
const EXTENSION = new Unsupported('a msgpack extension')

/** The name of an Unsupported value in an error message; undefined for any other object. */
export function unsupportedName(value: object): string | undefined {
  return value instanceof Unsupported ? value.kind : undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// Reading never yields, so one cursor is enough per thread.
let bytes: Uint8Array = EMPTY
let at = 0
/** Number of values that open arrays still need; each takes at least one byte. */
let owed = 0

/**
 * Reads the single value of a payload. Byte values are views on the payload. Throws `malformedFrame` if the payload is not
 * exactly one msgpack value, or nests too deep.
 */
export function unpack(payload: Uint8Array): unknown {
  bytes = payload
  at = 0
  owed = 1
  try {
    const value = read(0)
    if (at !== bytes.length)
      throw malformed(
        `${countOf(bytes.length - at, 'byte')} ${nounFor(bytes.length - at, 'follows', 'follow')} the message`,
      )
    return value
  } finally {
    bytes = EMPTY
  }
}

function read(depth: number): unknown {
  need(1)
  owed--
  const tag = bytes[at++]!
  if (tag < 0x80) return tag
  if (tag < 0x90) return readMap(tag & 0x0f, depth)
  if (tag < 0xa0) return readArray(tag & 0x0f, depth)
  if (tag < 0xc0) return readString(tag & 0x1f)
  if (tag >= 0xe0) return tag - 0x100
  return readTagged(tag, depth)
}

function readTagged(tag: number, depth: number): unknown {
  switch (tag) {
    case 0xc0:
      return null
    case 0xc2:
      return false
    case 0xc3:
      return true
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return readBytes(readUint(1 << (tag - 0xc4)))
    case 0xc7:
    case 0xc8:
    case 0xc9:
      return skipExtension(readUint(1 << (tag - 0xc7)))
    case 0xca:
      return readFloat(4)
    case 0xcb:
      return readFloat(8)
    case 0xcc:
    case 0xcd:
    case 0xce:
      return readUint(1 << (tag - 0xcc))
    case 0xcf:
      return readUint(4) * TWO_32 + readUint(4)
    case 0xd0:
      return (readUint(1) << 24) >> 24
    case 0xd1:
      return (readUint(2) << 16) >> 16
    case 0xd2:
      return readUint(4) | 0
    case 0xd3:
      return (readUint(4) | 0) * TWO_32 + readUint(4)
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return skipExtension(1 << (tag - 0xd4))
    case 0xd9:
    case 0xda:
    case 0xdb:
      return readString(readUint(1 << (tag - 0xd9)))
    case 0xdc:
    case 0xdd:
      return readArray(readUint(2 << (tag - 0xdc)), depth)
    case 0xde:
    case 0xdf:
      return readMap(readUint(2 << (tag - 0xde)), depth)
    default:
      throw malformed('0xc1 is no msgpack tag')
  }
}

function readUint(width: number): number {
  const from = advance(width)
  if (width === 1) return bytes[from]!
  return width === 2 ? (bytes[from]! << 8) | bytes[from + 1]! : readU32BigEndian(bytes, from)
}

function readFloat(width: 4 | 8): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + advance(width), width)
  return width === 4 ? view.getFloat32(0) : view.getFloat64(0)
}

function readArray(length: number, depth: number): unknown[] {
  owe(length, depth)
  // The exact size is allocated: V8 gives an array that grows from empty seventeen slots for its first value.
  // oxlint-disable-next-line unicorn/no-new-array
  const items = new Array<unknown>(length)
  for (let i = 0; i < length; i++) items[i] = read(depth + 1)
  return items
}

function readMap(length: number, depth: number): Unsupported {
  owe(length * 2, depth)
  for (let i = 0; i < length * 2; i++) read(depth + 1)
  return MAP
}

function owe(values: number, depth: number): void {
  if (depth >= DEPTH_MAX) throw malformed(`arrays nest deeper than ${DEPTH_MAX}`)
  owed += values
  if (owed > bytes.length - at) throw malformed('an array claims more values than the frame has bytes for')
}

function readBytes(length: number): Uint8Array {
  const from = advance(length)
  return length === 0 ? EMPTY : bytes.subarray(from, from + length)
}

function readString(length: number): string {
  if (length === 0) return ''
  const from = advance(length)
  if (length <= SHORT_TEXT_BYTES_MAX) {
    const text = readAscii(from, length)
    if (text !== undefined) return text
  }
  try {
    return utf8.decode(bytes.subarray(from, from + length))
  } catch {
    throw malformed('a text is not UTF-8')
  }
}

/** Reads the common case without a call out of JavaScript. Returns undefined if a byte is not ASCII. */
function readAscii(from: number, length: number): string | undefined {
  let text = ''
  for (let i = from; i < from + length; i++) {
    const code = bytes[i]!
    if (code >= 0x80) return undefined
    text += String.fromCharCode(code)
  }
  return text
}

function skipExtension(length: number): Unsupported {
  advance(length + 1)
  return EXTENSION
}

function advance(length: number): number {
  need(length)
  at += length
  return at - length
}

function need(length: number): void {
  if (length > bytes.length - at) throw malformed('the frame ends within a value')
}

function malformed(reason: string): MillraceError {
  return new MillraceError(
    'malformedFrame',
    `The frame does not hold one message of this protocol: ${reason}.`,
  )
}
