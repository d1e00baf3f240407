// OVER: values over the rows before a row. Its range says for how long rows are held.
import { passedIn } from '../windows/window-sql.ts'
import { columnOf, durationOf, faultAt, timed, type Planning, type Scope } from './planning.ts'
import type { Column, Need, Relation } from './relation.ts'
import { conjunction, eachExpression, replaced, type Expression, type QueryNode } from './text/tree.ts'

interface Order {
  readonly type: string
  readonly expression: Expression
}

/** Kinds that look at the rows of their frame, and so no further back than it reaches. */
const framed = /^WINDOW_(AGGREGATE|FIRST_VALUE|LAST_VALUE|NTH_VALUE)$/

const form =
  "OVER (PARTITION BY user_id ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW)"

/** Returns all OVERs of a SELECT, not those of its subqueries. */
export function oversOf(node: QueryNode): readonly Expression[] {
  const found: Expression[] = []
  eachExpression([node.select_list, node.qualify], (expression) => {
    if (expression.class === 'WINDOW') found.push(expression)
    return expression.class === 'SUBQUERY'
  })
  return found
}

/** Returns the relation with its OVERs. */
export async function withOvers(
  planning: Planning,
  node: QueryNode,
  scope: Scope,
  relation: Relation,
): Promise<Relation> {
  const overs = oversOf(node)
  if (overs.length === 0 || relation.kind === 'bounded') return relation
  if (!planning.isContinuous) return { ...relation, passes: false }
  const ranging = overs.filter(
    (over) => relation.kind !== 'windows' || !isWithinWindow(planning, over, scope),
  )
  if (ranging.length === 0) return { ...relation, passes: false }
  const { order, range } = await rangeOf(planning, ranging, relation, scope)
  const time = timed(planning, relation, columnOf(planning, order, scope), order)
  const emission = await emissionOf(planning, order, time.delay)
  const qualify = node.qualify
  return {
    ...relation,
    kind: 'over',
    columns: [
      { name: order.column_names!.at(-1)!, role: { role: 'time', delay: time.delay } } satisfies Column,
    ],
    needs: time.needs.map((need): Need => ({ ...need, span: need.span + range + time.delay })),
    delay: time.delay,
    passes: false,
    filters: [],
    restrict: [() => (node.qualify = conjunction(qualify == null ? [emission] : [qualify, emission]))],
  }
}

async function rangeOf(planning: Planning, overs: readonly Expression[], relation: Relation, scope: Scope) {
  let order: Expression | undefined
  let range = 0
  for (const over of overs) {
    const [first, ...others] = over['orders'] as Order[]
    const isAscending = first?.type === 'ORDER_DEFAULT' || first?.type === 'ASCENDING'
    const hint =
      relation.kind === 'windows'
        ? `PARTITION BY window_start, window_end, or ${form} with window_time`
        : form
    if (first === undefined || others.length > 0 || !isAscending || first.expression.class !== 'COLUMN_REF')
      throw faultAt(
        planning,
        over,
        `OVER over rows that never end is ordered by their time alone, forward: write ${hint}.`,
      )
    if (!framed.test(over.type))
      throw faultAt(
        planning,
        over,
        `${over.function_name} looks back without end. Write an aggregate ${form}; to take the first or the latest row of a key, take it within a window: ROW_NUMBER() OVER (PARTITION BY window_start, window_end, user_id ORDER BY ts).`,
      )
    if (over['start'] !== 'EXPR_PRECEDING_RANGE')
      throw faultAt(planning, over, `Its rows would be held for ever: bound it in time, with ${form}.`)
    if (over['end'] !== 'CURRENT_ROW_RANGE')
      throw faultAt(
        planning,
        over,
        `It ends after the row or before it: write AND CURRENT ROW, as in ${form}.`,
      )
    const column = columnOf(planning, first.expression, scope)
    if (order !== undefined && columnOf(planning, order, scope)?.name !== column?.name)
      throw faultAt(planning, over, 'All OVERs of a SELECT are ordered by one time.')
    order ??= first.expression
    range = Math.max(range, await durationOf(planning, over['start_expr'] as Expression, 'The range of OVER'))
  }
  return { order: order!, range }
}

/** Whether it looks at rows of one window alone. */
function isWithinWindow(planning: Planning, over: Expression, scope: Scope): boolean {
  const roles = (over['partitions'] as Expression[]).map((part) =>
    part.class === 'COLUMN_REF' ? columnOf(planning, part, scope)?.role?.role : undefined,
  )
  return roles.includes('window_start') && roles.includes('window_end')
}

async function emissionOf(planning: Planning, order: Expression, delay: number): Promise<Expression> {
  const at = 'CAST(millrace_order AS TIMESTAMP)'
  const tree = await planning.parser.parse(`SELECT 1 WHERE ${passedIn(at, delay)}`)
  return replaced(tree.statements[0]!.node.where_clause!, (part) =>
    part.column_names?.[0] === 'millrace_order' ? order : undefined,
  )
}
