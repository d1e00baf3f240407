// Which times of arrival the conditions of a batch leave. What is not understood leaves all.
import type { SqlParser } from './text/parser.ts'
import type { ArrivalRange } from './query-plan.ts'
import { eachExpression, type Expression } from './text/tree.ts'

const mirrored: Readonly<Record<string, string>> = {
  COMPARE_GREATERTHAN: 'COMPARE_LESSTHAN',
  COMPARE_GREATERTHANOREQUALTO: 'COMPARE_LESSTHANOREQUALTO',
  COMPARE_LESSTHAN: 'COMPARE_GREATERTHAN',
  COMPARE_LESSTHANOREQUALTO: 'COMPARE_GREATERTHANOREQUALTO',
  COMPARE_EQUAL: 'COMPARE_EQUAL',
}

/** Returns the range that all of the conditions leave. */
export async function arrivalOf(
  parser: SqlParser,
  conditions: readonly Expression[],
  unsteady: ReadonlySet<string>,
): Promise<ArrivalRange> {
  let range: ArrivalRange = {}
  for (const condition of conditions)
    for (const [type, bound] of comparisons(condition)) {
      // Until it is asked, now() goes on.
      const isUpper = type !== 'COMPARE_GREATERTHAN' && type !== 'COMPARE_GREATERTHANOREQUALTO'
      const value = await constantOf(parser, bound)
      if (value === undefined) continue
      const { from = -Infinity, until = Infinity } = range
      const isLower = !isUpper || type === 'COMPARE_EQUAL'
      const isSteady = !isMoving(bound, unsteady)
      const lower = isLower ? Math.max(from, value + (type === 'COMPARE_GREATERTHAN' ? 1 : 0)) : from
      const upper =
        isUpper && isSteady ? Math.min(until, value + (type === 'COMPARE_LESSTHAN' ? 0 : 1)) : until
      range = { ...(lower > -Infinity && { from: lower }), ...(upper < Infinity && { until: upper }) }
    }
  return range
}

/** Returns comparisons of arrival_time, from its side. */
function comparisons(condition: Expression): readonly (readonly [string, Expression])[] {
  const side = (name: string) => condition[name] as Expression
  if (condition.type === 'COMPARE_BETWEEN')
    return isArrival(side('input'))
      ? [
          ['COMPARE_GREATERTHANOREQUALTO', side('lower')],
          ['COMPARE_LESSTHANOREQUALTO', side('upper')],
        ]
      : []
  const other = mirrored[condition.type]
  if (other === undefined) return []
  if (isArrival(side('left'))) return [[condition.type, side('right')]]
  return isArrival(side('right')) ? [[other, side('left')]] : []
}

const isArrival = (expression: Expression) =>
  expression.class === 'COLUMN_REF' &&
  expression.column_names!.length === 1 &&
  expression.column_names![0]!.toLowerCase() === 'arrival_time'

async function constantOf(parser: SqlParser, expression: Expression): Promise<number | undefined> {
  const value = await parser.valueOf(
    `epoch_us(CAST((${await parser.printExpression(expression)}) AS TIMESTAMP))`,
  )
  const moment = value === undefined ? undefined : Number(value)
  return Number.isSafeInteger(moment) ? moment : undefined
}

function isMoving(expression: Expression, unsteady: ReadonlySet<string>): boolean {
  let found = false
  eachExpression(expression, ({ class: kind, function_name: name }) => {
    if (kind === 'COLUMN_REF' || (name !== undefined && unsteady.has(name.toLowerCase()))) found = true
  })
  return found
}

/** Returns the range that holds all of them. */
export function joinedRanges(ranges: readonly ArrivalRange[]): ArrivalRange {
  const lower = Math.min(...ranges.map(({ from = -Infinity }) => from))
  const upper = Math.max(...ranges.map(({ until = Infinity }) => until))
  return { ...(Number.isFinite(lower) && { from: lower }), ...(Number.isFinite(upper) && { until: upper }) }
}
