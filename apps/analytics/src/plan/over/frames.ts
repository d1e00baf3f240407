// How far back OVER looks: so long, or so many rows. ROW_NUMBER over a range is rewritten, as DuckDB lets it count from the first row.
import { durationOf, faultAt, type Planning } from '../planning.ts'
import type { Relation } from '../relation.ts'
import { becomeExpression, functionCall, type Expression } from '../text/tree.ts'
import type { Order } from './ties.ts'

/** What rows an OVER needs before a row: of a time in microseconds, or a number of them. */
export type Reach = { readonly range: number } | { readonly rows: number }

/** Kinds that look at the rows of their frame, and so no further back than it reaches. */
const framed = /^WINDOW_(AGGREGATE|FIRST_VALUE|LAST_VALUE|NTH_VALUE|ROW_NUMBER)$/

/** Rows before a row that are held of each key, at most. */
const ROWS_MAX = 100_000

export const rangeForm =
  "OVER (PARTITION BY user_id ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW)"

export const ofOneStream = `The latest rows are counted in one stream, of which WHERE may leave some out: write an aggregate ${rangeForm}, or INSERT these rows into a stream of their own, and read that; rows of one window are counted with PARTITION BY window_start, window_end.`

/** Returns how far back an OVER looks. Throws `PlanFault` where that has no end. */
export async function reachOf(planning: Planning, over: Expression, relation: Relation): Promise<Reach> {
  const start = over['start'] as string
  const isByRows = start === 'EXPR_PRECEDING_ROWS'
  if ((over.type === 'WINDOW_LAG' || isByRows) && relation.kind !== 'rows')
    throw faultAt(planning, over, ofOneStream)
  if (over.type === 'WINDOW_LAG') return { rows: await offsetOf(planning, over) }
  if (!framed.test(over.type) || (over.type === 'WINDOW_ROW_NUMBER' && start !== 'EXPR_PRECEDING_RANGE'))
    throw faultAt(planning, over, endless(over, relation))
  if (start !== 'EXPR_PRECEDING_RANGE' && !isByRows)
    throw faultAt(
      planning,
      over,
      `Its rows would be held for ever: bound it in time, with ${rangeForm}, or to the latest of them, with ROWS 10 PRECEDING.`,
    )
  if (over['end'] !== (isByRows ? 'CURRENT_ROW_ROWS' : 'CURRENT_ROW_RANGE'))
    throw faultAt(
      planning,
      over,
      `It ends after the row or before it: write AND CURRENT ROW, as in ${rangeForm}.`,
    )
  const bound = over['start_expr'] as Expression
  if (isByRows) return { rows: await countOf(planning, over, bound) }
  return { range: await durationOf(planning, bound, 'The range of OVER') }
}

function endless({ type, function_name: name }: Expression, relation: Relation): string {
  if (type === 'WINDOW_ROW_NUMBER' && relation.kind !== 'windows')
    return "ROW_NUMBER would remember each key for ever. To drop what comes again within a time: ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts RANGE INTERVAL '1' HOUR PRECEDING) = 1; to take the first or the latest row of a key, take it within a window: ROW_NUMBER() OVER (PARTITION BY window_start, window_end, user_id ORDER BY ts)."
  return `${name} looks back without end. Write an aggregate ${rangeForm}; to take the first or the latest row of a key, take it within a window: ROW_NUMBER() OVER (PARTITION BY window_start, window_end, user_id ORDER BY ts).`
}

async function offsetOf(planning: Planning, over: Expression): Promise<number> {
  if (over['ignore_nulls'] === true)
    throw faultAt(
      planning,
      over,
      'LAG over values that are not NULL looks back without end: leave the others out in WHERE, and IGNORE NULLS too.',
    )
  const offset = over['offset_expr'] as Expression | null
  return offset === null ? 1 : countOf(planning, over, offset)
}

async function countOf(planning: Planning, over: Expression, expression: Expression): Promise<number> {
  const { parser } = planning
  const value = Number(await parser.valueOf(await parser.printExpression(expression)))
  if (!Number.isInteger(value) || value < 0 || value > ROWS_MAX)
    throw faultAt(
      planning,
      over,
      `It looks back a constant number of rows, up to ${ROWS_MAX}, which are held.`,
    )
  return value
}

/** ROW_NUMBER over a range: the rows in it, without those of the same time that come behind. */
export function countPlaces(over: Expression, order: Expression): void {
  if (over.type !== 'WINDOW_ROW_NUMBER') return
  const [first, ...ties] = structuredClone(over['orders'] as Order[])
  const partitions = over['partitions'] as Expression[]
  const count = { type: 'WINDOW_AGGREGATE', function_name: 'count_star', children: [], alias: '' }
  const whole = { start: 'UNBOUNDED_PRECEDING', start_expr: null, end: 'CURRENT_ROW_RANGE' }
  const own = { ...over, ...whole, alias: '', partitions: [...partitions, order] }
  const inRange = { ...over, ...count, orders: [first] }
  const ofItsTime = { ...own, ...count, orders: [] }
  const place = { ...own, orders: ties }
  becomeExpression(over, functionCall('+', [functionCall('-', [inRange, ofItsTime]), place]))
}
