// Which columns of a result say what it is about, and which are its values; and when it came, in event time. Pure, but for the parser.
import type { PlannedStatement, QueryPlan } from '../../plan/query-plan.ts'
import { PlanFault } from '../../plan/plan-fault.ts'
import type { SqlParser } from '../../plan/text/parser.ts'
import { splitStatements } from '../../plan/text/statements.ts'
import type { Expression } from '../../plan/text/tree.ts'
import { quotedName } from '../../rows/index.ts'
import type { ResultColumn } from '../sql-check.ts'

/** What is known of the results of a statement. */
export interface ResultKeys {
  readonly columns: readonly ResultColumn[]
  /** Columns that say what a result is about: bounds of windows, and what rows are grouped by. */
  readonly keys: ReadonlySet<string>
  /** SQL over the columns: what the watermark has passed when the result is written. Undefined where no column says it. */
  readonly moment: string | undefined
  /** How long before `moment` the rows of a result may begin, in microseconds; undefined where that is not fixed. */
  readonly reach: number | undefined
  /** Whether a result is written again, under the same keys, when rows that come late change it: the last one counts. */
  readonly changes: boolean
}

/** Finds what the results of a statement are made of. */
export async function resultKeys(
  parser: SqlParser,
  plan: QueryPlan,
  of: {
    readonly statement: PlannedStatement
    readonly columns: readonly ResultColumn[]
    /** Whether rows that come late count still. */
    readonly hasLateness: boolean
  },
): Promise<ResultKeys> {
  const { statement, columns, hasLateness } = of
  const selected = await selectedBy(parser, statement)
  const isKnown = selected?.length === columns.length
  const named = columns.map((column, at) => ({
    ...column,
    // Without a list of what is selected, texts and times are taken for what rows are grouped by.
    source: isKnown ? selected[at]! : isText(column.type) ? column.name : null,
  }))
  const sourced = (source: RegExp): string | undefined =>
    named.find((column) => column.source !== null && source.test(column.source))?.name
  const [window, ...others] = statement.windows
  const isFixed =
    others.length === 0 && (window?.kind === 'tumble' || window?.kind === 'hop') ? window.size : undefined
  const end = sourced(/^window_end$/i)
  const start = sourced(/^window_start$/i)
  const ended = sourced(/^window_time$/i)
  const hold = Math.max(0, ...statement.inputs.map((at) => plan.inputs[at]!.hold ?? 0))
  const time = sourced(new RegExp(`^(${timesOf(plan, statement).join('|') || '$.'})$`, 'i'))
  let moment: string | undefined
  if (statement.kind === 'windows') {
    if (end !== undefined) moment = quotedName(end)
    else if (ended !== undefined) moment = plus(ended, 1000)
    else if (start !== undefined && isFixed !== undefined) moment = plus(start, isFixed)
  } else if (time !== undefined && statement.kind === 'over') moment = quotedName(time)
  else if (time !== undefined && statement.kind === 'join') moment = plus(time, hold)
  return {
    columns,
    keys: new Set(named.filter(({ source }) => source !== null).map(({ name }) => name)),
    moment,
    reach: statement.kind === 'windows' ? isFixed : undefined,
    changes: hasLateness && statement.kind === 'windows',
  }
}

/** Returns the column that each result column is, or null for one that is computed; undefined where it is not known what is selected. */
async function selectedBy(
  parser: SqlParser,
  { text }: PlannedStatement,
): Promise<readonly (string | null)[] | undefined> {
  try {
    const [only] = splitStatements(text).statements
    const tree = await parser.parse(text.slice(only!.selectStart))
    const list = tree.statements[0]!.node.select_list
    if (list === undefined || list.some((item) => item.class === 'STAR')) return undefined
    return list.map(sourceOf)
  } catch (error) {
    // Forms that another dialect has are put into DuckDB's before they are parsed.
    if (error instanceof PlanFault) return undefined
    throw error
  }
}

function sourceOf({ class: kind, column_names: names }: Expression): string | null {
  return kind === 'COLUMN_REF' ? (names?.at(-1) ?? null) : null
}

function timesOf(plan: QueryPlan, { inputs }: PlannedStatement): readonly string[] {
  const times = inputs.map((at) => plan.inputs[at]!.time?.replaceAll('"', ''))
  return times.filter((time) => time !== undefined && /^\w+$/.test(time)) as string[]
}

function isText(type: string): boolean {
  return /^(VARCHAR|BOOLEAN|DATE|TIME|UUID|ENUM)/.test(type)
}

function plus(column: string, microseconds: number): string {
  return `${quotedName(column)} + to_microseconds(${microseconds})`
}
