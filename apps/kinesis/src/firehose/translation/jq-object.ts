// Takes a jq expression that makes an object apart into its members: Firehose's queries of partition keys are written so. Pure.
// Only the outermost object is read: what its values mean is jq's to say.
import { invalid } from '../model/errors.ts'

const CLOSERS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/** The members of `{year: .ts[0:4], "a b": .x, country}`: expressions by name. Fails with InvalidArgumentException. */
export function jqMembers(query: string): Readonly<Record<string, string>> {
  const text = query.trim()
  if (!text.startsWith('{') || endOf(text, 0) !== text.length) {
    throw invalid(`MetadataExtractionQuery must be one jq object, as in {country: .country}: ${query}`)
  }
  const members: Record<string, string> = {}
  for (const part of splitAt(text.slice(1, -1), ',')) {
    const [name, expression] = memberOf(part)
    if (Object.hasOwn(members, name)) throw invalid(`MetadataExtractionQuery has the key ${name} twice.`)
    members[name] = expression
  }
  if (Object.keys(members).length === 0) throw invalid('MetadataExtractionQuery has no keys.')
  return members
}

/** `name: expression`, or a name alone, which stands for the field of that name. */
function memberOf(part: string): readonly [name: string, expression: string] {
  const [key = '', ...rest] = splitAt(part, ':')
  const name = nameOf(key.trim())
  if (name === undefined) {
    throw invalid(`MetadataExtractionQuery has a key that is neither a name nor a text: ${key.trim()}`)
  }
  if (rest.length === 0) return [name, `.${key.trim()}`]
  const expression = rest.join(':').trim()
  if (expression === '') throw invalid(`MetadataExtractionQuery has no expression for the key ${name}.`)
  return [name, expression]
}

function nameOf(key: string): string | undefined {
  if (/^[a-zA-Z_]\w*$/.test(key)) return key
  if (!/^".*"$/s.test(key)) return undefined
  try {
    return JSON.parse(key) as string
  } catch {
    return undefined
  }
}

/** Splits where a mark stands outside of all brackets and texts. */
function splitAt(text: string, mark: ',' | ':'): readonly string[] {
  const parts: string[] = []
  let begin = 0
  for (let at = 0; at < text.length;) {
    const character = text[at]!
    if (character === mark) {
      parts.push(text.slice(begin, at))
      begin = at + 1
    }
    at = character === '"' || character in CLOSERS ? endOf(text, at) : at + 1
  }
  return [...parts, text.slice(begin)]
}

/** The place behind the bracket or text that begins here. */
function endOf(text: string, begin: number): number {
  const open: string[] = []
  let at = begin
  do {
    const character = text[at]
    if (character === undefined) throw invalid(`MetadataExtractionQuery has no end: ${text}`)
    at = open.at(-1) === '"' ? inText(text, at, open) : inCode(text, at, open)
  } while (open.length > 0)
  return at
}

function inText(text: string, at: number, open: string[]): number {
  const character = text[at]
  if (character === '"') open.pop()
  if (character !== '\\') return at + 1
  // `\(…)` within a text is an expression again.
  if (text[at + 1] === '(') open.push(')')
  return at + 2
}

function inCode(text: string, at: number, open: string[]): number {
  const character = text[at]!
  const closer = CLOSERS[character]
  if (character === '"') open.push('"')
  else if (closer !== undefined) open.push(closer)
  else if (character === ')' || character === ']' || character === '}') {
    if (open.pop() !== character)
      throw invalid(`MetadataExtractionQuery has a ${character} too many: ${text}`)
  }
  return at + 1
}
