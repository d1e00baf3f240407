// OVER: values over the rows before a row. Its frame says for how long rows are held, or how many.
import { passedIn } from '../../windows/window-sql.ts'
import { baseOf } from '../expressions.ts'
import {
  columnOf,
  faultAt,
  refuseLateness,
  timed,
  type Planning,
  type Scope,
  type Timed,
} from '../planning.ts'
import type { Column, Need, Relation } from '../relation.ts'
import { imagesOf, noteMeeting } from '../sharing/meetings.ts'
import {
  castAs,
  conjunction,
  eachExpression,
  replaced,
  type Expression,
  type QueryNode,
} from '../text/tree.ts'
import { countPlaces, ofOneStream, rangeForm, reachOf, type Reach } from './frames.ts'
import { settleTies, type Order } from './ties.ts'

/** Returns all OVERs of a SELECT, not those of its subqueries. */
function oversOf(node: QueryNode): readonly Expression[] {
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
  const isOfStreams = relation.kind !== 'bounded'
  if (!isOfStreams || !planning.isContinuous)
    return overs.length === 0 ? relation : { ...relation, passes: false }
  for (const over of overs)
    noteMeeting(planning, relation, {
      kind: 'over',
      part: over,
      keys: (over['partitions'] as Expression[]).map((key) => imagesOf(planning, key, scope)),
    })
  const ranging = overs.filter(
    (over) => relation.kind !== 'windows' || !isWithinWindow(planning, over, scope),
  )
  const order = orderOf(planning, ranging, relation, scope)
  settleTies(planning, node, scope)
  if (overs.length === 0) return relation
  if (order === undefined) return { ...relation, passes: false, isOneToOne: false }
  refuseLateness(planning, overs[0], 'a row would change the results of all rows after it.')
  const reaches = new Map<Expression, Reach>()
  for (const over of ranging) reaches.set(over, await reachOf(planning, over, relation))
  const time = timed(planning, relation, columnOf(planning, order, scope), order)
  if (time.isNullable)
    throw faultAt(
      planning,
      order,
      `${order.column_names!.at(-1)} has no value in rows without a match: order by the time of the rows that are kept.`,
    )
  const needs: Need[] = []
  for (const [over, reach] of reaches) {
    needs.push(...needsOf(planning, over, { reach, relation, scope, time }))
    if ('rows' in reach) orderByMoment(over)
    countPlaces(over, order)
  }
  const emission = await emissionOf(planning, order, time.delay)
  const qualify = node.qualify
  return {
    ...relation,
    kind: 'over',
    columns: [
      { name: order.column_names!.at(-1)!, role: { role: 'time', delay: time.delay } } satisfies Column,
    ],
    needs,
    delay: time.delay,
    passes: false,
    isOneToOne: false,
    filters: [],
    restrict: [() => (node.qualify = conjunction(qualify == null ? [emission] : [qualify, emission]))],
  }
}

/** Returns the time that all OVERs are ordered by, forward. */
function orderOf(
  planning: Planning,
  overs: readonly Expression[],
  relation: Relation,
  scope: Scope,
): Expression | undefined {
  let order: Expression | undefined
  for (const over of overs) {
    const [first, ...others] = over['orders'] as Order[]
    const isAscending = first?.type === 'ORDER_DEFAULT' || first?.type === 'ASCENDING'
    const hint =
      relation.kind === 'windows'
        ? `PARTITION BY window_start, window_end, or ${rangeForm} with window_time`
        : rangeForm
    if (first === undefined || others.length > 0 || !isAscending || first.expression.class !== 'COLUMN_REF')
      throw faultAt(
        planning,
        over,
        `OVER over rows that never end is ordered by their time alone, forward: write ${hint}.`,
      )
    const column = columnOf(planning, first.expression, scope)
    if (order !== undefined && columnOf(planning, order, scope)?.name !== column?.name)
      throw faultAt(planning, over, 'All OVERs of a SELECT are ordered by one time.')
    order ??= first.expression
  }
  return order
}

/** Rows of one time have further orders, which a range does not take. */
function orderByMoment(over: Expression): void {
  const [first, ...ties] = over['orders'] as Order[]
  over['orders'] = [{ ...first, expression: castAs('TIMESTAMP', first!.expression) }, ...ties]
}

function needsOf(
  planning: Planning,
  over: Expression,
  around: {
    readonly reach: Reach
    readonly relation: Relation
    readonly scope: Scope
    readonly time: Timed
  },
): readonly Need[] {
  const { reach, relation, scope, time } = around
  if ('range' in reach)
    return time.needs.map((need) => ({ ...need, span: need.span + reach.range + time.delay }))
  const ties = (over['orders'] as Order[])
    .slice(1)
    .map(({ expression }) => baseOf(planning, expression, scope))
  const keys = (over['partitions'] as Expression[]).map((key) => baseOf(planning, key, scope))
  if (!relation.isOneToOne || [...ties, ...keys].includes(undefined))
    throw faultAt(planning, over, ofOneStream)
  return time.needs.map((need) => ({
    ...need,
    keys: keys.map((base) => base!.value),
    last: { rows: reach.rows, ties: ties.map((base) => base!.value) },
  }))
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
