// What Kinesis Data Analytics' functions over lines of logs take: columns and their types, formats of Apache's logs. Pure.

export interface LogColumn {
  readonly name: string
  /** A type of SQL, as it was written; undefined: text. */
  readonly type?: string | undefined
  /** Of columns of fixed width, where they begin, from 0, and how long they are. */
  readonly start?: number
  readonly length?: number
}

/** Reads `a TYPE INTEGER NOT NULL, b TYPE VARCHAR(10) START 3 FOR 5`, or the number of columns; undefined where it is neither. */
export function logColumns(text: string): readonly LogColumn[] | undefined {
  if (/^\s*\d+\s*$/.test(text)) return numbered(Number(text))
  const columns = text.split(/,(?![^(]*\))/).map(columnOf)
  return columns.includes(undefined) ? undefined : (columns as readonly LogColumn[])
}

const shape =
  /^\s*"?(?<name>\w+)"?(?:\s+(?:TYPE\s+)?(?<type>(?!START\b|NOT\b)\w+(?:\s*\([\d\s,]*\))?))?(?:\s+NOT\s+NULL)?(?:\s+START\s+(?<start>\d+)(?:\s+FOR\s+(?<length>\d+))?)?\s*$/i

function columnOf(text: string): LogColumn | undefined {
  const { name, type, start, length } = shape.exec(text)?.groups ?? {}
  if (name === undefined) return undefined
  return {
    name,
    type,
    ...(start !== undefined && { start: Number(start) }),
    ...(length !== undefined && { length: Number(length) }),
  }
}

/** Returns the columns COLUMN1, COLUMN2 and so on. */
export function numbered(count: number): readonly LogColumn[] {
  return Array.from({ length: count }, (_, at) => ({ name: `COLUMN${at + 1}` }))
}

/** Returns how many groups a regular expression takes out. */
export function groupsIn(pattern: string): number {
  const bare = pattern.replaceAll(/\\./g, 'x').replaceAll(/\[\^?\]?[^\]]*\]/g, '')
  return [...bare.matchAll(/\((?!\?)|\(\?P?<(?![=!])/g)].length
}

/** Formats of Apache's logs by the names that W3C_LOG_PARSE has for them. */
const namedFormats: Readonly<Record<string, string>> = {
  COMMON: '%h %l %u %t "%r" %>s %b',
  'COMMON WITH VHOST': '%v %h %l %u %t "%r" %>s %b',
  'NCSA EXTENDED': '%h %l %u %t "%r" %>s %b "%[Referer]i" "%[User-agent]i"',
  COMBINED: '%h %l %u %t "%r" %>s %b "%[Referer]i" "%[User-agent]i"',
  REFERER: '%[Referer]i ---> %U',
  AGENT: '%[User-agent]i',
}

/** Returns a regular expression with a group for each specifier of a format of logs. */
export function patternOfFormat(format: string): string {
  const text = namedFormats[format.trim().toUpperCase()] ?? format
  const specifier = /%[<>!\d,]*(?:[[{][^\]}]*[\]}])?([a-zA-Z])/g
  let pattern = ''
  let end = 0
  for (const found of text.matchAll(specifier)) {
    pattern += escaped(text.slice(end, found.index))
    end = found.index + found[0].length
    const next = text[end]
    if (found[1] === 't') pattern += String.raw`\[([^\]]*)\]`
    else if (next === undefined) pattern += '(.*)'
    else pattern += next === '"' ? '([^"]*)' : String.raw`(\S+)`
  }
  return `^${pattern}${escaped(text.slice(end))}$`
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
