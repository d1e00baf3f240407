// Kinesis Data Analytics' windows and times, in the tree of a SELECT: GROUP BY STEP(ROWTIME BY …) and FLOOR(ROWTIME TO …) become TUMBLE,
// WINDOWED BY STAGGER becomes STAGGER, ROWTIME becomes arrival_time, and sliding windows are ordered by it. Pure.
import { PlanFault } from '../plan-fault.ts'
import { positionOf } from '../text/parser.ts'
import {
  become,
  becomeExpression,
  columnRef,
  eachExpression,
  functionCall,
  shapeOf,
  type Expression,
  type QueryNode,
  type TableRef,
} from '../text/tree.ts'

/** Rewrites a SELECT and those in it. `text` is what faults show. */
export function rewriteKinesis(node: QueryNode, text: string): void {
  for (const below of [node.left, node.right]) if (below !== undefined) rewriteKinesis(below, text)
  for (const { value } of node.cte_map.map) rewriteKinesis(value.query.node, text)
  if (node.select_list === undefined) return
  eachQuery(node.from_table, (below) => rewriteKinesis(below, text))
  eachExpression(node, ({ subquery }) => void (subquery !== undefined && rewriteKinesis(subquery.node, text)))
  if (node.group_expressions!.length > 0) rewriteGroups(node, text)
  eachExpression(node, truncate)
  eachExpression([node.select_list, node.qualify], orderByArrival)
  for (const item of node.select_list)
    if (isRowTime(item) && item.alias === '') item.alias = item.column_names!.at(-1)!
  eachExpression(
    [node.select_list, node.where_clause, node.having, node.qualify, node.from_table],
    (expression) => {
      if (isRowTime(expression))
        expression.column_names = [...expression.column_names!.slice(0, -1), 'arrival_time']
    },
  )
}

function eachQuery(table: TableRef | undefined, visit: (node: QueryNode) => void): void {
  if (table === undefined) return
  if (table.subquery !== undefined) visit(table.subquery.node)
  eachQuery(table.left, visit)
  eachQuery(table.right, visit)
}

const isRowTime = ({ class: kind, column_names: names }: Expression) =>
  kind === 'COLUMN_REF' && /^(rowtime|approximate_arrival_time)$/i.test(names!.at(-1)!)

/** A step in time, by a column of which it takes the start. */
interface Step {
  readonly group: Expression
  readonly time: Expression
  readonly size: Expression
}

function rewriteGroups(node: QueryNode, text: string): void {
  const groups = node.group_expressions!
  const steps = groups.flatMap((group) => stepOf(group, text) ?? [])
  const range = groups.find(({ function_name: name }) => name === 'rng')
  const chosen = steps.find(({ time }) => !isRowTime(time)) ?? steps[0]
  if (range === undefined && chosen === undefined) return
  const table = node.from_table!
  if (table.type !== 'BASE_TABLE')
    throw new PlanFault(
      text,
      positionOf(text, groups[0]!),
      `Steps in time are of one stream: write FROM TUMBLE(TABLE stream, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end.`,
    )
  const others = groups.filter(
    (group) => group !== range && (range !== undefined || steps.every((step) => step.group !== group)),
  )
  const keys = others.map((key) => structuredClone(key))
  for (const { group } of range === undefined ? steps : []) replaceIn(node, group, columnRef('window_start'))
  for (const item of node.select_list!) if (isRowTime(item)) rename(item, 'window_end')
  const time = range === undefined ? chosen!.time : columnRef('arrival_time')
  if (isRowTime(time)) time.column_names = ['arrival_time']
  const call = range === undefined ? [chosen!.size] : range.children!
  const descriptor = { ...functionCall('descriptor', [time]) }
  const data = { ...columnRef(table.table_name!), query_location: table.query_location }
  const made = functionCall(range === undefined ? 'tumble' : 'stagger', [
    data,
    ...(range === undefined ? [] : keys),
    descriptor,
    ...call,
  ])
  node.group_expressions = [...others, columnRef('window_start'), columnRef('window_end')]
  node['group_sets'] = [node.group_expressions.map((_, at) => at)]
  become(table, {
    type: 'TABLE_FUNCTION',
    alias: table.alias,
    query_location: table.query_location,
    sample: null,
    function: made,
    column_name_alias: [],
  })
}

function stepOf(group: Expression, text: string): Step | undefined {
  const [time, size] = group.children ?? []
  if (time === undefined || size === undefined) return undefined
  if (group.function_name === 'step' && time.class === 'COLUMN_REF')
    return { group, time: structuredClone(time), size }
  if (group.function_name !== 'floor') return undefined
  const unit = size.column_names?.[0]?.toLowerCase()
  if (time.class !== 'COLUMN_REF' || !/^(second|minute|hour|day)$/.test(unit ?? ''))
    throw new PlanFault(
      text,
      positionOf(text, group),
      `Write the step itself: GROUP BY STEP(ROWTIME BY INTERVAL '10' MINUTE), or FLOOR(ROWTIME TO MINUTE).`,
    )
  return { group, time: structuredClone(time), size: functionCall(`to_${unit}s`, [constant('INTEGER', 1)]) }
}

/** Puts an expression in the place of all that are the same. */
function replaceIn(node: QueryNode, step: Expression, by: Expression): void {
  const shape = shapeOf(step)
  eachExpression([node.select_list, node.having, node.qualify], (expression) => {
    if (shapeOf(expression) !== shape) return false
    becomeExpression(expression, by)
    return true
  })
}

function rename(item: Expression, name: string): void {
  item.alias ||= item.column_names!.at(-1)!
  item.column_names = [name]
}

/** FLOOR(ts TO MINUTE), where it is no step, is date_trunc('minute', ts). */
function truncate(expression: Expression): void {
  const [time, unit] = expression.children ?? []
  if (expression.function_name !== 'floor' || time === undefined || unit?.class !== 'COLUMN_REF') return
  expression.function_name = 'date_trunc'
  expression.children = [constant('VARCHAR', unit.column_names![0]!.toLowerCase()), time]
}

function constant(type: string, value: unknown): Expression {
  return {
    class: 'CONSTANT',
    type: 'VALUE_CONSTANT',
    alias: '',
    query_location: 0,
    value: { type: { id: type, type_info: null }, is_null: false, value },
  }
}

/** Its windows are ordered by ROWTIME, whether that is written or not. */
function orderByArrival(expression: Expression): void {
  if (expression.class !== 'WINDOW' || (expression['orders'] as unknown[]).length > 0) return
  const isFramed = (expression['start'] as string).startsWith('EXPR_PRECEDING')
  if (!isFramed && expression.type !== 'WINDOW_LAG') return
  expression['orders'] = [
    { type: 'ORDER_DEFAULT', null_order: 'ORDER_DEFAULT', expression: columnRef('arrival_time') },
  ]
}
