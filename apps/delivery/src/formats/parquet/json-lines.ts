// Records as lines of JSON, which is what the spool of a delivery in Parquet holds: each object one line, whatever stood between its
// tokens, with the names of its columns as the schema writes them. Pure. Most records are such a line already: to see that is what a
// delivery in Parquet does most often, so it has a loop of its own that makes no objects.
import type { Pieces } from '../../engine/object-encoder.ts'
import { objectsIn } from '../../deaggregation/json-objects.ts'

/** A record without objects is kept as this mark and its bytes in base64: no line of JSON begins so. */
export const REFUSED = 0x21

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const BLANK = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const ARRAY = 0x5b
const BACKSLASH = 0x5c
const ARRAY_END = 0x5d
const OBJECT = 0x7b
const OBJECT_END = 0x7d
/** The brackets that are open are bits of a number here; deeper objects are looked at by the usual way. */
const PLAIN_DEPTH_MAX = 30
const lineEnd = Buffer.from('\n')
const refusedMark = Buffer.from([REFUSED])

interface Edit {
  readonly from: number
  readonly name: Uint8Array
}

/** Returns what writes a record's lines, and returns how many those are. */
export function jsonLines(columns: readonly string[]): (data: Uint8Array, pieces: Pieces) => number {
  const names = new ColumnNames(columns)
  return (data, pieces) => {
    const end = plainLineEnd(data, names)
    const isLine = end + 1 === data.length && data[end] === LINE_FEED
    if (end !== data.length && !isLine) return editedLines(data, names, pieces)
    pieces.push(data)
    if (!isLine) pieces.push(lineEnd)
    return 1
  }
}

/** Writes the lines of any record. */
function editedLines(data: Uint8Array, names: ColumnNames, pieces: Pieces): number {
  const edits: Edit[] = []
  const { objects, fault } = objectsIn(data, undefined, (from, to) => {
    const name = names.otherCase(data, from, to)
    if (name !== undefined) edits.push({ from, name })
  })
  if (fault !== undefined || objects.length === 0) return refusedLine(data, pieces)
  for (const { from, to, hasLineBreak } of objects) {
    const object = data.subarray(from, to)
    const isEdited = hasLineBreak || edits.some((edit) => edit.from >= from && edit.from < to)
    pieces.push(isEdited ? oneLine(object, from, edits) : object)
    pieces.push(lineEnd)
  }
  return objects.length
}

/**
 * Returns where the object ends that a record begins with, if it has no line breaks and names its columns as the schema does; -1 where
 * that is not so, or hard to tell.
 */
function plainLineEnd(data: Uint8Array, names: ColumnNames): number {
  const { length } = data
  if (data[0] !== OBJECT) return -1
  let depth = 1
  let arrays = 0
  let isKey = true
  for (let at = 1; at < length; at++) {
    const byte = data[at]!
    if (byte === QUOTE) {
      const start = ++at
      for (; at < length; at++) {
        const char = data[at]!
        if (char > QUOTE) at += char === BACKSLASH && data[at + 1] !== LINE_FEED ? 1 : 0
        else if (char === QUOTE) break
        else if (char === LINE_FEED) return -1
      }
      if (isKey && depth === 1 && names.otherCase(data, start, at) !== undefined) return -1
      isKey = false
    } else if (byte > COMMA && byte < ARRAY) continue
    else if (byte === COMMA) isKey = depth === 1
    else if (byte === OBJECT || byte === ARRAY) {
      if (depth++ === PLAIN_DEPTH_MAX) return -1
      arrays = 2 * arrays + (byte === ARRAY ? 1 : 0)
      isKey = byte === OBJECT
    } else if (byte === OBJECT_END || byte === ARRAY_END) {
      if (depth-- === 1) return byte === OBJECT_END ? at + 1 : -1
      if ((byte === ARRAY_END) !== (arrays % 2 === 1)) return -1
      arrays >>= 1
    } else if (byte === LINE_FEED || byte === CARRIAGE_RETURN) return -1
  }
  return -1
}

/** Returns why a record has no lines. */
export function refusalOf(data: Uint8Array): string {
  const { fault } = objectsIn(data)
  return fault === undefined ? 'it holds no JSON object' : `${fault.message} (byte ${fault.at})`
}

/** Line breaks stand between tokens only, or the record would have been refused: a blank does as well. */
function oneLine(object: Uint8Array, start: number, edits: readonly Edit[]): Uint8Array {
  const line = Buffer.from(object)
  for (let at = 0; at < line.length; at++) {
    if (line[at] === LINE_FEED || line[at] === CARRIAGE_RETURN) line[at] = BLANK
  }
  for (const { from, name } of edits) {
    if (from >= start && from < start + line.length) line.set(name, from - start)
  }
  return line
}

function refusedLine(data: Uint8Array, pieces: Pieces): number {
  pieces.push(refusedMark)
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  pieces.push(Buffer.from(bytes.toString('base64')))
  pieces.push(lineEnd)
  return 1
}

/** Finds names of columns that a record writes in another case. ASCII alone has cases here, so that lengths stay. */
class ColumnNames {
  /** By the length of the name. */
  readonly #names: { readonly name: Uint8Array; readonly folded: Uint8Array }[][] = []

  constructor(columns: readonly string[]) {
    for (const column of columns) {
      const name = Buffer.from(column)
      const folded = Buffer.from(column.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()))
      const sameLength = (this.#names[name.length] ??= [])
      sameLength.push({ name, folded })
    }
  }

  /** Returns the column's name where the key is that name in another case; undefined where it is the same, or none. */
  otherCase(data: Uint8Array, from: number, to: number): Uint8Array | undefined {
    const names = this.#names[to - from]
    if (names === undefined) return undefined
    for (let i = 0; i < names.length; i++) {
      const { name, folded } = names[i]!
      let at = 0
      let isSame = true
      for (; at < folded.length; at++) {
        const byte = data[from + at]!
        if (byte === name[at]) continue
        const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
        if (lower !== folded[at]) break
        isSame = false
      }
      if (at === folded.length) return isSame ? undefined : name
    }
    return undefined
  }
}
