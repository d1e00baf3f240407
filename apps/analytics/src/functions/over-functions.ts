// Functions over the rows before a row that DuckDB has not: each becomes one of a row and of what an aggregate takes of those rows.
import { PlanFault } from '../plan/plan-fault.ts'
import { positionOf, type SqlParser } from '../plan/text/parser.ts'
import {
  becomeExpression,
  eachExpression,
  eachTable,
  type Expression,
  type QueryNode,
} from '../plan/text/tree.ts'

/** Rows of a range that a row is scored among, at most: as many as a tree of the paper has. Of more, some are taken by their hash. */
const FOREST_ROWS = 256

const forms = {
  random_cut_forest:
    "random_cut_forest(price, size) OVER (PARTITION BY ticker ORDER BY ts RANGE INTERVAL '1' HOUR PRECEDING) AS score",
  exp_avg:
    "exp_avg(price, INTERVAL '10' SECOND) OVER (PARTITION BY ticker ORDER BY ts RANGE INTERVAL '1' MINUTE PRECEDING)",
} as const

type OverFunction = keyof typeof forms

/** Replaces them in a tree. Throws `PlanFault`, which shows `text`. */
export async function rewriteOverFunctions(node: QueryNode, text: string, parser: SqlParser): Promise<void> {
  eachTable(node, (table) => {
    if (/^random_cut_forest/i.test(table.function?.function_name ?? ''))
      throw new PlanFault(
        text,
        positionOf(text, table),
        `The forest is over the rows before each row: write SELECT *, ${forms.random_cut_forest} FROM the stream.`,
      )
  })
  const found: Expression[] = []
  eachExpression(node, (expression) => {
    if (isOverFunction(expression.function_name?.toLowerCase())) found.push(expression)
  })
  for (const over of found.reverse()) {
    const name = over.function_name!.toLowerCase() as OverFunction
    const [order] = (over['orders'] as { expression: Expression }[] | undefined) ?? []
    const sql = sqlOf(name, over.children!.length)
    if (over.class !== 'WINDOW' || order === undefined || sql === undefined)
      throw new PlanFault(
        text,
        positionOf(text, over),
        `It is over the rows before each row: write ${forms[name]}.`,
      )
    const [item] = (await parser.parse(`SELECT ${sql}`)).statements[0]!.node.select_list!
    fill(item!, over, order.expression)
    becomeExpression(over, { ...item!, query_location: over.query_location })
  }
}

function isOverFunction(name: string | undefined): name is OverFunction {
  return name !== undefined && Object.hasOwn(forms, name)
}

function sqlOf(name: OverFunction, count: number): string | undefined {
  const values = Array.from({ length: count }, (_, at) => `millrace_value_${at}`)
  if (name === 'exp_avg')
    return count === 2
      ? `millrace_exp_avg(list(struct_pack(t := millrace_order, x := millrace_value_0)) OVER (), millrace_order, millrace_value_1)`
      : undefined
  const point = `[${values.map((value) => `TRY_CAST(${value} AS DOUBLE)`).join(', ')}]`
  return count === 0
    ? undefined
    : `millrace_forest(${point}, flatten(min_by(${point}, hash(${point}, millrace_order), ${FOREST_ROWS}) OVER ()))`
}

/** Puts the arguments, the order and the frame of an OVER into a template. */
function fill(template: Expression, over: Expression, order: Expression): void {
  const names: Record<string, Expression> = { millrace_order: order }
  over.children!.forEach((value, at) => (names[`millrace_value_${at}`] = value))
  const { partitions, orders, start, end, start_expr, end_expr, filter_expr } = over
  eachExpression(template, (part) => {
    if (part.class === 'WINDOW')
      Object.assign(
        part,
        structuredClone({ partitions, orders, start, end, start_expr, end_expr, filter_expr }),
      )
    const value = names[part.column_names?.[0] ?? '']
    if (value !== undefined) becomeExpression(part, structuredClone(value))
  })
}
