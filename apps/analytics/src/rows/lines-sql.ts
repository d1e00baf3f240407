// SQL that reads spools: tables of what records have by themselves, in columns of the names of `recordColumns` and `spoolColumns`, and of the
// fields of their payloads. Pure.
import { recordColumns, ROW_KEY, spoolColumns, spoolKeyOf, type RecordColumnName } from './record-columns.ts'
import { SEPARATOR } from './exact-lines.ts'
import { quotedName, quotedText } from './sql-text.ts'

/** Bytes that a thread takes at a time, where lines are not longer. */
const BUFFER_BYTES = 1024 * 1024

/** A spool. */
export interface Spool {
  readonly path: string
  /** Bytes of its longest line. */
  readonly longest: number
  /** Columns of records by themselves that it has. */
  readonly columns: readonly RecordColumnName[]
  /** Types of the fields of payloads that are read, by name. */
  readonly fields: ReadonlyMap<string, string>
}

/** Reads lines as `RowLines` gives them. One that is no JSON, or has a value that is not of its type or a field twice, fails them all. */
export function jsonLinesSql(spool: Spool): string {
  const { path, longest, columns, fields } = spool
  const types = [...headTypes(columns), ...fields]
    .map(([name, type]) => `${quotedText(name)}: ${quotedText(type)}`)
    .join(', ')
  const form = [
    `format = 'newline_delimited'`,
    'records = true',
    `compression = 'uncompressed'`,
    `columns = {${types}}`,
    // Buffers are of two of the longest lines.
    `maximum_object_size = ${Math.max(longest, BUFFER_BYTES / 2)}`,
  ].join(', ')
  const names = [...fields.keys()].map(quotedName)
  return `(SELECT ${[...headSql(columns, ''), ...names].join(', ')} FROM read_json(${quotedText(path)}, ${form}))`
}

/**
 * Reads lines as `exactLines` gives them. Each is a row: `millrace_row` is a struct of the fields, which are null where they do not convert,
 * or is null; `millrace_payload` is the payload. `isChecked` is for payloads that may be no JSON, one of which fails them all otherwise.
 */
export function exactLinesSql(spool: Spool, { isChecked }: { readonly isChecked: boolean }): string {
  const { path, longest, columns, fields } = spool
  const form = [
    `columns = {'millrace_head': 'VARCHAR', 'millrace_payload': 'VARCHAR'}`,
    `delim = '${SEPARATOR}'`,
    `quote = ''`,
    `escape = ''`,
    `new_line = '\\n'`,
    'header = false',
    'auto_detect = false',
    `compression = 'none'`,
    `max_line_size = ${Math.max(longest, 1024)}`,
    `buffer_size = ${Math.max(BUFFER_BYTES, 2 * longest)}`,
  ].join(', ')
  const payload = isChecked
    ? 'CASE WHEN json_valid(millrace_payload) THEN millrace_payload END'
    : 'millrace_payload'
  const head = `from_json(millrace_head, ${shapeOf(headTypes(columns))}) AS millrace_head`
  const row = `from_json(${payload}, ${shapeOf(fields)}) AS millrace_row`
  const lines = `SELECT ${head}, millrace_payload, ${row} FROM read_csv(${quotedText(path)}, ${form})`
  return `(SELECT ${headSql(columns, 'millrace_head.').join(', ')}, millrace_payload, millrace_row FROM (${lines}))`
}

function headTypes(columns: readonly RecordColumnName[]): readonly (readonly [string, string])[] {
  return [
    [ROW_KEY, 'BIGINT[]'],
    ...columns.flatMap((name) => {
      const { spool } = recordColumns[name]
      return spool === undefined ? [] : [[spoolKeyOf(name), spool.type] as const]
    }),
  ]
}

function headSql(columns: readonly RecordColumnName[], from: string): readonly string[] {
  const numbers = ['millrace_shard', 'millrace_arrival', 'millrace_sequence'] as const
  return [
    ...numbers.map((name, i) => `${from}${quotedName(ROW_KEY)}[${i + 1}]::${spoolColumns[name]} AS ${name}`),
    ...columns
      .filter((name) => recordColumns[name].spool !== undefined)
      .map((name) => `${from}${quotedName(spoolKeyOf(name))} AS ${name}`),
  ]
}

/** What `from_json` takes as a shape. A list of numbers is written as one of its parts. */
function shapeOf(types: Iterable<readonly [string, string]>): string {
  return quotedText(JSON.stringify(Object.fromEntries(types)))
}
