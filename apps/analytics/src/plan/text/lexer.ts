// Tells strings, quoted names and comments of SQL from the rest: what must be known to see where statements end and to cut off what
// DuckDB's trees have no form for. Pure.

export interface Token {
  readonly kind: 'word' | 'name' | 'string' | 'mark'
  /** A word in capitals; a quoted name without its quotes. */
  readonly text: string
  readonly start: number
  readonly end: number
}

const shapes =
  /(?<blank>\s+|--[^\n]*)|(?<name>"(?:[^"]|"")*")|(?<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$(?<tag>\w*)\$[^]*?\$\k<tag>\$)|(?<word>[\p{L}_][\p{L}\p{N}_$]*)|(?<mark>=>|[^])/uy

/** Returns the tokens of a text without blanks and comments. */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    if (text.startsWith('/*', at)) {
      at = endOfComment(text, at)
      continue
    }
    shapes.lastIndex = at
    const found = shapes.exec(text)!
    const end = at + found[0].length
    const { blank, name, string, word } = found.groups!
    if (name !== undefined)
      tokens.push({ kind: 'name', text: name.slice(1, -1).replaceAll('""', '"'), start: at, end })
    else if (string !== undefined) tokens.push({ kind: 'string', text: string, start: at, end })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word.toUpperCase(), start: at, end })
    else if (blank === undefined) tokens.push({ kind: 'mark', text: found[0], start: at, end })
    at = end
  }
  return tokens
}

/** Comments of this kind hold others. One without an end reaches to the end of the text. */
function endOfComment(text: string, start: number): number {
  let depth = 1
  let at = start + 2
  while (at < text.length && depth > 0) {
    if (text.startsWith('/*', at)) depth++
    else if (text.startsWith('*/', at)) depth--
    else {
      at++
      continue
    }
    at += 2
  }
  return at
}

/** Returns the tokens of each statement: those between semicolons. */
export function statementsOf(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const statements: Token[][] = [[]]
  for (const token of tokens) {
    if (token.kind === 'mark' && token.text === ';') statements.push([])
    else statements.at(-1)!.push(token)
  }
  return statements.filter((statement) => statement.length > 0)
}

/** Returns a text with all but a part of it blank, of the same length and lines. */
export function blankOutside(text: string, start: number, end: number): string {
  return blanked(text.slice(0, start)) + text.slice(start, end)
}

/** Returns as many blanks as a text has characters, in its lines. */
export function blanked(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ')
}
