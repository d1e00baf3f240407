// Finds JSON objects that stand one behind the other in a record, by their brackets and strings alone: whether an object is valid JSON is
// for its reader to say. Pure, one pass over the bytes, no recursion.

/** An object in a record, `[from, to)`. */
export interface ObjectSpan {
  readonly from: number
  readonly to: number
  /** A line feed or a carriage return stands between its tokens. */
  readonly hasLineBreak: boolean
}

export interface ObjectsFound {
  readonly objects: readonly ObjectSpan[]
  /** Why the record is not taken: what stands at which byte. The objects before it are in `objects`. */
  readonly fault?: { readonly at: number; readonly message: string }
}

/** Objects and arrays within one another, at most: deeper ones end readers that call themselves. */
export const DEPTH_MAX = 1000

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OBJECT = 0x7b
const OBJECT_END = 0x7d
const ARRAY = 0x5b
const ARRAY_END = 0x5d
const COMMA = 0x2c
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** Called with each key of an object itself, not of those within: the bytes between its quotes. */
export type KeySeen = (from: number, to: number) => void

/** The brackets that are open. One for all calls: a call ends before another begins. */
const open = new Uint8Array(DEPTH_MAX + 1)

/** Returns the objects of a record, at most `objectsMax`. */
export function objectsIn(
  data: Uint8Array,
  objectsMax = Number.POSITIVE_INFINITY,
  keySeen?: KeySeen,
): ObjectsFound {
  const objects: ObjectSpan[] = []
  for (let at = afterSpace(data, 0); at < data.length;) {
    if (data[at] !== OBJECT)
      return { objects, fault: { at, message: `${shownByte(data[at]!)} stands where an object begins` } }
    if (objects.length === objectsMax)
      return { objects, fault: { at, message: `it holds more than ${objectsMax} objects` } }
    const end = objectEnd(data, at, keySeen)
    if ('message' in end) return { objects, fault: end }
    objects.push({ from: at, ...end })
    at = afterSpace(data, end.to)
  }
  return { objects }
}

function objectEnd(
  data: Uint8Array,
  from: number,
  keySeen: KeySeen | undefined,
):
  | { readonly to: number; readonly hasLineBreak: boolean }
  | { readonly at: number; readonly message: string } {
  const { length } = data
  let depth = 0
  let hasLineBreak = false
  let atKey = false
  for (let at = from; at < length; at++) {
    const byte = data[at]!
    if (byte === QUOTE) {
      const start = at + 1
      for (at++; at < length && data[at] !== QUOTE; at++) {
        if (data[at] === BACKSLASH && data[at + 1] !== LINE_FEED) at++
        else if (data[at] === LINE_FEED) return { at, message: 'a line feed stands in a string' }
      }
      if (at >= length) break
      if (atKey && depth === 1) keySeen?.(start, at)
      atKey = false
    } else if (byte === OBJECT || byte === ARRAY) {
      if (depth === DEPTH_MAX) return { at, message: `it is nested deeper than ${DEPTH_MAX}` }
      open[depth++] = byte
      atKey = byte === OBJECT
    } else if (byte === OBJECT_END || byte === ARRAY_END) {
      // The code of each closing bracket is two above that of its opening one.
      if (open[--depth] !== byte - 2) return { at, message: `${shownByte(byte)} closes what is not open` }
      if (depth === 0) return { to: at + 1, hasLineBreak }
    } else if (byte === COMMA) atKey = depth === 1
    else if (byte === LINE_FEED || byte === CARRIAGE_RETURN) hasLineBreak = true
  }
  return { at: length, message: 'it ends within an object' }
}

/** Returns where something stands that is no white space of JSON. */
export function afterSpace(data: Uint8Array, from: number): number {
  let at = from
  for (; at < data.length; at++) {
    const byte = data[at]!
    if (byte !== 0x20 && byte !== LINE_FEED && byte !== CARRIAGE_RETURN && byte !== 0x09) break
  }
  return at
}

function shownByte(byte: number): string {
  const isPrinted = byte > 0x20 && byte < 0x7f
  return isPrinted ? `"${String.fromCharCode(byte)}"` : `byte 0x${byte.toString(16).padStart(2, '0')}`
}
