// Finds a member of a JSON object in the source text. JSON.parse turns numbers into doubles, which makes two ids beyond 2^53
// equal, and keeps only the last of two members of the same name; the source text keeps both apart. Pure.
// The text must be valid JSON: it is not checked here.
import { InvalidRecord } from './invalid-record.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/**
 * Source text of the member that `name` selects: the member with exactly this name, or else `name` is a path of names with
 * dots between them into nested objects and arrays. Undefined if there is none. Throws InvalidRecord if a name on the path
 * occurs twice in its object, since it is ambiguous.
 */
export function jsonMember(text: string, name: string): string | undefined {
  const root = skipBlanks(text, 0)
  const whole = memberAt(text, root, name)
  if (whole !== undefined) return sourceAt(text, whole)
  let at: number | undefined = root
  for (const step of name.split('.')) {
    at = memberAt(text, at, step)
    if (at === undefined) return undefined
  }
  return sourceAt(text, at)
}

function sourceAt(text: string, start: number): string {
  return text.slice(start, valueEnd(text, start))
}

/** Index of the value of the member `name`, in the object or array that begins at `start`; undefined if there is none. */
function memberAt(text: string, start: number, name: string): number | undefined {
  const kind = text.charCodeAt(start)
  if (kind !== OPEN_OBJECT && kind !== OPEN_ARRAY) return undefined
  let found: number | undefined
  let at = skipBlanks(text, start + 1)
  for (let index = 0; !isClosing(text.charCodeAt(at)); index++) {
    let key = String(index)
    if (kind === OPEN_OBJECT) {
      const end = stringEnd(text, at)
      key = nameOf(text.slice(at, end))
      // Skips the colon.
      at = skipBlanks(text, skipBlanks(text, end) + 1)
    }
    if (key === name) {
      if (found !== undefined) throw new InvalidRecord(`field ${name} stands twice in one object`)
      found = at
    }
    at = skipBlanks(text, valueEnd(text, at))
    if (text.charCodeAt(at) === COMMA) at = skipBlanks(text, at + 1)
  }
  return found
}

function nameOf(source: string): string {
  return source.includes('\\') ? (JSON.parse(source) as string) : source.slice(1, -1)
}

function isClosing(code: number): boolean {
  // The code is NaN after the end of the text, which valid JSON does not reach.
  return code === CLOSE_OBJECT || code === CLOSE_ARRAY || Number.isNaN(code)
}

/** Index after the value that begins at `start`. */
function valueEnd(text: string, start: number): number {
  const first = text.charCodeAt(start)
  if (first === QUOTE) return stringEnd(text, start)
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return nestedEnd(text, start)
  let at = start
  while (at < text.length && !endsLiteral(text.charCodeAt(at))) at++
  return at
}

function nestedEnd(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = stringEnd(text, at) - 1
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth++
    else if ((code === CLOSE_OBJECT || code === CLOSE_ARRAY) && --depth === 0) return at + 1
  }
  return text.length
}

/** Index after the closing quote of the string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    at += code === BACKSLASH ? 2 : 1
  }
  return text.length
}

function endsLiteral(code: number): boolean {
  return isBlank(code) || code === COMMA || code === COLON || code === CLOSE_OBJECT || code === CLOSE_ARRAY
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (isBlank(text.charCodeAt(at))) at++
  return at
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d
}
