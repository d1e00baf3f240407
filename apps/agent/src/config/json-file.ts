// A file of JSON with comments, each of whose values knows its line. Pure: its text is given.
import { getNodeValue, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser'
import type { ConfigPlace, ConfigProblem } from './config-fault.ts'

/** A value of the file. */
export interface JsonValue {
  readonly place: ConfigPlace
  readonly value: unknown
  /** Members of an object, in their order; undefined for other values. A name that comes again counts as in JSON.parse: the last. */
  readonly members: ReadonlyMap<string, JsonValue> | undefined
  /** Items of an array; undefined for other values. */
  readonly items: readonly JsonValue[] | undefined
}

/** The file's value, or what is wrong with its text. */
export function parseJsonFile(file: string, text: string): JsonValue | ConfigProblem {
  const errors: ParseError[] = []
  // A byte order mark is how some editors begin a file.
  const content = text.startsWith('\uFEFF') ? ` ${text.slice(1)}` : text
  const root = parseTree(content, errors, { allowTrailingComma: true })
  const lines = lineStarts(content)
  const [first] = errors
  if (first !== undefined) {
    const { line, column } = positionAt(lines, first.offset)
    const found = content
      .slice(first.offset, first.offset + Math.max(1, first.length))
      .split('\n')[0]!
      .slice(0, 40)
    const what = printParseErrorCode(first.error)
      .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
      .toLowerCase()
    return {
      file,
      line,
      message: `This is no JSON: ${what} at column ${column}${found.trim() === '' ? '' : `, before ${JSON.stringify(found)}`}. Mend the file.`,
    }
  }
  if (root === undefined)
    return { file, line: 1, message: 'The file is empty. It must be an object with "flows".' }
  return valueOf(root, { file, lines })
}

export function isProblem(parsed: JsonValue | ConfigProblem): parsed is ConfigProblem {
  return 'message' in parsed
}

interface Source {
  readonly file: string
  readonly lines: readonly number[]
}

function valueOf(node: Node, source: Source): JsonValue {
  const members = new Map<string, JsonValue>()
  if (node.type === 'object') {
    for (const { children } of node.children ?? []) {
      const [name, value] = children ?? []
      if (name !== undefined && value !== undefined) members.set(String(name.value), valueOf(value, source))
    }
  }
  return {
    place: { file: source.file, line: positionAt(source.lines, node.offset).line },
    value: getNodeValue(node) as unknown,
    members: node.type === 'object' ? members : undefined,
    items: node.type === 'array' ? (node.children ?? []).map((item) => valueOf(item, source)) : undefined,
  }
}

function lineStarts(text: string): readonly number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function positionAt(starts: readonly number[], offset: number): { line: number; column: number } {
  let low = 0
  let high = starts.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (starts[middle]! <= offset) low = middle
    else high = middle
  }
  return { line: low + 1, column: offset - starts[low]! + 1 }
}
