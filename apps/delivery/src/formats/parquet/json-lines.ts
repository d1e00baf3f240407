// Records as lines of JSON, which is what the spool of a delivery in Parquet holds: each object one line, whatever stood between its
// tokens, with the names of its columns as the schema writes them. Pure.
import { objectsIn } from '../../deaggregation/json-objects.ts'

/** A record without objects is kept as this mark and its bytes in base64: no line of JSON begins so. */
export const REFUSED = 0x21

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const BLANK = 0x20
const lineEnd = Buffer.from('\n')
const refusedMark = Buffer.from([REFUSED])

interface Edit {
  readonly from: number
  readonly name: Uint8Array
}

/** Returns what writes a record's lines, and returns their bytes. */
export function jsonLines(columns: readonly string[]): (data: Uint8Array, pieces: Uint8Array[]) => number {
  const names = new ColumnNames(columns)
  return (data, pieces) => {
    const edits: Edit[] = []
    const { objects, fault } = objectsIn(data, undefined, (from, to) => {
      const name = names.otherCase(data, from, to)
      if (name !== undefined) edits.push({ from, name })
    })
    if (fault !== undefined || objects.length === 0) return refusedLine(data, pieces)
    let bytes = 0
    for (const { from, to, hasLineBreak } of objects) {
      bytes += to - from + 1
      if (hasLineBreak || edits.some((edit) => edit.from >= from && edit.from < to)) {
        pieces.push(oneLine(data.subarray(from, to), from, edits), lineEnd)
      } else if (from > 0) pieces.push(data.subarray(from, to), lineEnd)
      // Most records are one object: a view of it would cost more than looking at it did.
      else if (to === data.length) pieces.push(data, lineEnd)
      else if (to + 1 === data.length && data[to] === LINE_FEED) pieces.push(data)
      else pieces.push(data.subarray(from, to), lineEnd)
    }
    return bytes
  }
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

function refusedLine(data: Uint8Array, pieces: Uint8Array[]): number {
  const encoded = Buffer.from(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'))
  pieces.push(refusedMark, encoded, lineEnd)
  return encoded.length + 2
}

/** Finds names of columns that a record writes in another case. ASCII alone has cases here, so that lengths stay. */
class ColumnNames {
  readonly #byLength = new Map<number, { readonly name: Uint8Array; readonly folded: Uint8Array }[]>()

  constructor(columns: readonly string[]) {
    for (const column of columns) {
      const name = Buffer.from(column)
      const folded = Buffer.from(column.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()))
      const sameLength = this.#byLength.get(name.length)
      if (sameLength === undefined) this.#byLength.set(name.length, [{ name, folded }])
      else sameLength.push({ name, folded })
    }
  }

  /** Returns the column's name where the key is that name in another case; undefined where it is the same, or none. */
  otherCase(data: Uint8Array, from: number, to: number): Uint8Array | undefined {
    for (const { name, folded } of this.#byLength.get(to - from) ?? []) {
      let at = 0
      let isSame = true
      for (; at < folded.length; at++) {
        const byte = data[from + at]!
        const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
        if (lower !== folded[at]) break
        if (byte !== name[at]) isSame = false
      }
      if (at === folded.length) return isSame ? undefined : name
    }
    return undefined
  }
}
