// REGEX_LOG_PARSE and its like of Kinesis Data Analytics, as DuckDB's functions: each gives the parts of a line as fields of a struct, and
// NULL for a line that does not match.
import { PlanFault } from '../plan/plan-fault.ts'
import { positionOf, type SqlParser } from '../plan/text/parser.ts'
import { becomeExpression, eachExpression, replaced, textOf, type Expression } from '../plan/text/tree.ts'
import { quotedName, quotedText } from '../rows/sql-text.ts'
import { groupsIn, logColumns, numbered, patternOfFormat, type LogColumn } from './log-formats.ts'

/** How each is written. */
const forms: Readonly<Record<string, string>> = {
  regex_log_parse: "REGEX_LOG_PARSE(line, '(\\w+) (\\d+)')",
  fast_regex_log_parser: "FAST_REGEX_LOG_PARSER(line, '(\\w+) (\\d+)')",
  fast_regex_log_parse: "FAST_REGEX_LOG_PARSE(line, '(\\w+) (\\d+)')",
  w3c_log_parse: "W3C_LOG_PARSE(line, 'COMMON')",
  variable_column_log_parse: "VARIABLE_COLUMN_LOG_PARSE(line, 'id TYPE INTEGER, name TYPE VARCHAR(20)', ',')",
  fixed_column_log_parse:
    "FIXED_COLUMN_LOG_PARSE(line, 'id TYPE INTEGER START 0 FOR 4, name TYPE VARCHAR(20) START 5 FOR 20')",
}

/** Replaces them in a tree. Throws `PlanFault`, which shows `text`. */
export async function rewriteLogFunctions(tree: unknown, text: string, parser: SqlParser): Promise<void> {
  const calls: Expression[] = []
  eachExpression(tree, (expression) => {
    if (expression.class === 'FUNCTION' && Object.hasOwn(forms, nameOf(expression))) calls.push(expression)
  })
  for (const call of calls.reverse()) {
    const [line, ...rest] = call.children!
    const sql = sqlOf(nameOf(call), rest.map(textOf))
    if (line === undefined || sql === undefined)
      throw new PlanFault(
        text,
        positionOf(text, call),
        `This is not understood, as what follows the line must be constants: write ${forms[nameOf(call)]}.`,
      )
    const [item] = (await parser.parse(`SELECT ${sql}`)).statements[0]!.node.select_list!
    becomeExpression(
      call,
      replaced(item!, (part) => (part.column_names?.[0] === 'millrace_line' ? line : undefined)),
    )
  }
}

const nameOf = ({ function_name: name }: Expression) => name!.toLowerCase()

function sqlOf(name: string, constants: readonly (string | undefined)[]): string | undefined {
  const [first, second, ...more] = constants
  if (first === undefined || more.length > 0) return undefined
  switch (name) {
    case 'w3c_log_parse':
      return second === undefined ? matched(patternOfFormat(first), undefined) : undefined
    case 'variable_column_log_parse':
      return second === undefined || second === ''
        ? undefined
        : struct(
            logColumns(first),
            (_, at) => `string_split(millrace_line, ${quotedText(second)})[${at + 1}]`,
          )
    case 'fixed_column_log_parse':
      return second !== undefined
        ? undefined
        : struct(
            logColumns(first),
            ({ start = 0, length }) =>
              `nullif(substring(millrace_line, ${[start + 1, ...(length === undefined ? [] : [length])].join(', ')}), '')`,
          )
    default:
      return matched(first, second)
  }
}

function matched(pattern: string, names: string | undefined): string | undefined {
  const columns = names === undefined ? numbered(groupsIn(pattern)) : logColumns(names)
  if (columns?.length !== groupsIn(pattern)) return undefined
  const parts = struct(columns, (_, at) => `regexp_extract(millrace_line, ${quotedText(pattern)}, ${at + 1})`)
  return parts && `CASE WHEN regexp_matches(millrace_line, ${quotedText(pattern)}) THEN ${parts} END`
}

function struct(
  columns: readonly LogColumn[] | undefined,
  part: (column: LogColumn, at: number) => string,
): string | undefined {
  if (columns === undefined || columns.length === 0) return undefined
  const fields = columns.map((column, at) => {
    const value = part(column, at)
    const typed = column.type === undefined ? value : `TRY_CAST(trim(${value}) AS ${column.type})`
    return `${quotedName(column.name)} := ${typed}`
  })
  return `struct_pack(${fields.join(', ')})`
}
