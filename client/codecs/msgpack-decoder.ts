// Reads a value from msgpack. Runs in the client, pure. A payload may come from any writer of the stream, so it can only become
// plain objects, arrays, text, numbers, bytes and dates. Other extensions are refused.
// Invariant: no memory is allocated for a length before the payload is known to hold as many bytes, for all open arrays and
// maps together. So a payload of n bytes gives at most n values.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { readU32BigEndian } from '../../protocol/bytes.ts'
import { ValuePath } from './value-path.ts'
import { countOf, nounFor } from '../../protocol/text/count-text.ts'

/** Longest text that a loop reads faster than a call does. A longer text would become a rope of V8. */
const SHORT_TEXT_BYTES_MAX = 12

/** Size of the table of keys: a power of two. */
const KEYS_KEPT = 1024
const KEY_KEPT_BYTES_MAX = 24

const TIMESTAMP_TYPE = 0xff
const NANOSECONDS_MAX = 999_999_999
const TWO_32 = 0x1_0000_0000

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NOTHING = Buffer.alloc(0)

// A read never yields and calls no code of the caller, so one cursor is enough for a thread.
const path = new ValuePath()
let bytes: Buffer = NOTHING
let view: DataView | undefined
let at = 0
/** Values that open arrays and maps still need; each takes at least one byte. */
let owed = 0

/** Returns the value of a payload. Its bytes are copies. Throws `codecFailed` if the payload is not exactly one value. */
export function decodeMsgpack(payload: Uint8Array): unknown {
  bytes = Buffer.isBuffer(payload)
    ? payload
    : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  view = undefined
  at = 0
  owed = 1
  try {
    const value = read()
    if (at !== bytes.length)
      throw malformed(
        `${countOf(bytes.length - at, 'byte')} ${nounFor(bytes.length - at, 'follows', 'follow')} the value`,
      )
    return value
  } finally {
    path.reset()
    bytes = NOTHING
    view = undefined
  }
}

function read(): unknown {
  need(1)
  owed--
  const tag = bytes[at++]!
  if (tag < 0x80) return tag
  if (tag < 0x90) return readMap(tag & 0x0f)
  if (tag < 0xa0) return readArray(tag & 0x0f)
  if (tag < 0xc0) return readText(tag & 0x1f)
  if (tag >= 0xe0) return tag - 0x100
  return readTagged(tag)
}

function readTagged(tag: number): unknown {
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
      return readBytes(readLength(1 << (tag - 0xc4)))
    case 0xc7:
    case 0xc8:
    case 0xc9:
      return readExtension(readLength(1 << (tag - 0xc7)))
    case 0xca:
      return viewed().getFloat32(advance(4))
    case 0xcb:
      return viewed().getFloat64(advance(8))
    case 0xcc:
    case 0xcd:
    case 0xce:
      return readLength(1 << (tag - 0xcc))
    case 0xcf:
      return viewed().getBigUint64(advance(8))
    case 0xd0:
      return viewed().getInt8(advance(1))
    case 0xd1:
      return viewed().getInt16(advance(2))
    case 0xd2:
      return viewed().getInt32(advance(4))
    case 0xd3:
      return viewed().getBigInt64(advance(8))
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return readExtension(1 << (tag - 0xd4))
    case 0xd9:
    case 0xda:
    case 0xdb:
      return readText(readLength(1 << (tag - 0xd9)))
    case 0xdc:
    case 0xdd:
      return readArray(readLength(2 << (tag - 0xdc)))
    case 0xde:
    case 0xdf:
      return readMap(readLength(2 << (tag - 0xde)))
    default:
      throw malformed('0xc1 is no msgpack tag')
  }
}

/** Reads an unsigned integer of 1, 2 or 4 bytes. */
function readLength(width: number): number {
  const from = advance(width)
  if (width === 1) return bytes[from]!
  return width === 2 ? (bytes[from]! << 8) | bytes[from + 1]! : readU32BigEndian(bytes, from)
}

function readArray(length: number): unknown[] {
  owe(length)
  path.descend()
  // The array has its exact size, because an array that grows takes seventeen slots for its first value.
  // oxlint-disable-next-line unicorn/no-new-array
  const items = new Array<unknown>(length)
  for (let i = 0; i < length; i++) {
    path.step(i)
    items[i] = read()
  }
  path.leave()
  return items
}

function readMap(length: number): Record<string, unknown> {
  owe(length * 2)
  const fields: Record<string, unknown> = {}
  path.descend()
  for (let i = 0; i < length; i++) {
    path.step(i)
    const key = readKey()
    path.step(key)
    const value = read()
    if (key in fields) define(fields, key, value)
    else fields[key] = value
  }
  path.leave()
  return fields
}

/** Defines a field whose name every object inherits, such as __proto__: an assignment could run a setter. */
function define(fields: Record<string, unknown>, key: string, value: unknown): void {
  if (Object.hasOwn(fields, key)) throw path.refusal('is there twice')
  Object.defineProperty(fields, key, { value, writable: true, enumerable: true, configurable: true })
}

/** Reads a key: a text, or a whole number, which other languages use as a key, as the text of a name in JavaScript. */
function readKey(): string {
  const known = knownKey()
  if (known !== undefined) return known
  const key = read()
  if (typeof key === 'string') return key
  if (typeof key === 'bigint' || Number.isInteger(key)) return String(key)
  throw path.refusal('has a key that is neither a text nor a whole number, which no object has')
}

/** Names that were read before. Records of a stream share their names, and V8 finds a field faster by a known string. */
// oxlint-disable-next-line unicorn/no-new-array
const keys = new Array<string | undefined>(KEYS_KEPT)

/** Reads a short ASCII key by the table of keys; returns undefined, and reads nothing, for any other key. */
function knownKey(): string | undefined {
  const length = (bytes[at] ?? 0) - 0xa0
  if (length <= 0 || length > KEY_KEPT_BYTES_MAX || length >= bytes.length - at) return undefined
  const from = at + 1
  let hash = length
  for (let i = from; i < from + length; i++) hash = (hash * 31 + bytes[i]!) | 0
  const place = hash & (KEYS_KEPT - 1)
  let key = keys[place]
  if (key === undefined || !isAt(key, from, length)) {
    key = readAscii(from, length)
    if (key === undefined) return undefined
    // As a name of a field, the text becomes the one string that V8 keeps for all fields of this name.
    key = Object.keys({ [key]: true })[0]!
    keys[place] = key
  }
  owed--
  at = from + length
  return key
}

function isAt(text: string, from: number, length: number): boolean {
  if (text.length !== length) return false
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[from + i]) return false
  return true
}

function owe(values: number): void {
  owed += values
  if (owed > bytes.length - at) throw malformed('it claims more values than it has bytes for')
}

function readBytes(length: number): Uint8Array {
  const from = advance(length)
  return new Uint8Array(bytes.subarray(from, from + length))
}

function readText(length: number): string {
  const from = advance(length)
  if (length <= SHORT_TEXT_BYTES_MAX) {
    const text = readAscii(from, length)
    if (text !== undefined) return text
  }
  const text = bytes.toString('utf8', from, from + length)
  // The text holds that character, or the character replaced bytes that are not UTF-8.
  if (!text.includes('\ufffd')) return text
  try {
    return strictUtf8.decode(bytes.subarray(from, from + length))
  } catch {
    throw path.refusal('is a text that is not UTF-8')
  }
}

/** Reads ASCII text, the common case, without a call out of JavaScript; returns undefined if a byte is not ASCII. */
function readAscii(from: number, length: number): string | undefined {
  let text = ''
  for (let i = from; i < from + length; i++) {
    const code = bytes[i]!
    if (code >= 0x80) return undefined
    text += String.fromCharCode(code)
  }
  return text
}

/** Reads a timestamp of the specification. Every other extension is refused, because its meaning is private. */
function readExtension(length: number): Date {
  const type = bytes[advance(1)]!
  const from = advance(length)
  if (type !== TIMESTAMP_TYPE) {
    const shown = type < 0x80 ? type : type - 0x100
    throw path.refusal(
      `is a msgpack extension of type ${shown} (0x${type.toString(16)}), which this codec does not know`,
    )
  }
  if (length === 4) return dateOf(viewed().getUint32(from), 0)
  if (length === 8) {
    const high = viewed().getUint32(from)
    return dateOf((high & 3) * TWO_32 + viewed().getUint32(from + 4), high >>> 2)
  }
  if (length === 12) return dateOf(Number(viewed().getBigInt64(from + 4)), viewed().getUint32(from))
  throw path.refusal(`is a timestamp of ${countOf(length, 'byte')}, which msgpack does not have`)
}

function dateOf(seconds: number, nanoseconds: number): Date {
  const date = new Date(seconds * 1000 + Math.floor(nanoseconds / 1_000_000))
  if (nanoseconds > NANOSECONDS_MAX || Number.isNaN(date.getTime())) {
    throw path.refusal('is a timestamp that no Date can hold')
  }
  return date
}

/** Returns the view, which is made for the first number that needs it: most payloads have none. */
function viewed(): DataView {
  return (view ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
}

function advance(length: number): number {
  need(length)
  at += length
  return at - length
}

function need(length: number): void {
  if (length > bytes.length - at) throw malformed('it ends within a value')
}

function malformed(reason: string): MillraceError {
  return new MillraceError('codecFailed', `The payload is not msgpack: ${reason}.`)
}
