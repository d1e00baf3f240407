// Orders that say of all rows which comes first. Rows that are equal in what a query orders them by come in another order when they are
// read again, so what depends on their order is ordered further: by the place in the stream where that is known, else by all that the
// SELECT takes of its rows, as then whichever of them comes first, the results are the same.
import { hasAggregate, starred } from '../expressions.ts'
import { columnOf, markRead, type Planning, type Scope } from '../planning.ts'
import { columnNamed, type Relation } from '../relation.ts'
import { columnRef, eachExpression, shapeOf, type Expression, type QueryNode } from '../text/tree.ts'

export interface Order {
  readonly type: string
  readonly null_order: string
  readonly expression: Expression
}

/** Kinds of OVER whose value depends on the order of rows that are equal in it, whatever their frame. */
const placed = /^WINDOW_(ROW_NUMBER|NTILE|LAG|LEAD|FIRST_VALUE|LAST_VALUE|NTH_VALUE)$/

/** Aggregates that take one of their rows. */
const choosing = new Set(
  'first last any_value arbitrary list array_agg string_agg group_concat listagg first_value last_value arg_min arg_max argmin argmax min_by max_by arg_min_null arg_max_null mode'.split(
    ' ',
  ),
)

export const ascending = (expression: Expression): Order => ({
  type: 'ASCENDING',
  null_order: 'NULLS_LAST',
  expression,
})

/** Orders all that depends on the order of rows by what tells these apart, in place. */
export function settleTies(planning: Planning, node: QueryNode, scope: Scope): void {
  let found: readonly Order[] | undefined
  const ties = () => structuredClone((found ??= tiesOf(planning, node, scope)))
  eachExpression([node.select_list, node.qualify, node.having], (expression) => {
    if (expression.class === 'WINDOW') settleOver(expression, ties)
    if (expression.class === 'FUNCTION' && choosing.has(expression.function_name!.toLowerCase())) {
      const by = expression['order_bys'] as { orders: readonly Order[] }
      by.orders = withoutRepeats([...by.orders, ...structuredClone(expression.children!).map(ascending)])
    }
    return expression.class === 'SUBQUERY'
  })
  const isDistinctOn = node.modifiers.some(({ distinct_on_targets: targets }) => (targets?.length ?? 0) > 0)
  const by = node.modifiers.find(({ type }) => type === 'ORDER_MODIFIER') as
    { orders?: readonly Order[] } | undefined
  if (isDistinctOn && by !== undefined) by.orders = withoutRepeats([...by.orders!, ...ties()])
  else if (isDistinctOn) node.modifiers.push({ type: 'ORDER_MODIFIER', orders: ties() })
}

function settleOver(over: Expression, ties: () => readonly Order[]): void {
  const orders = over['orders'] as readonly Order[]
  const own = (over['arg_orders'] as readonly Order[] | undefined) ?? []
  const isOfRange = `${String(over['start'])} ${String(over['end'])}`.includes('EXPR')
  const takesFirst = /^WINDOW_(FIRST|LAST|NTH)_VALUE$/.test(over.type)
  // A range is over one order alone; what is taken of its rows has orders of its own.
  // Of the least n of several, those that are equal are the same.
  const takesMany = over.function_name === 'min_by' && over.children!.length === 3
  if (choosing.has(over.function_name!.toLowerCase()) && !takesFirst && !takesMany)
    over['arg_orders'] = withoutRepeats([
      ...own,
      ...orders,
      ...structuredClone(over.children!).map(ascending),
    ])
  else if (takesFirst && isOfRange && !isOfRows(over))
    over['arg_orders'] = withoutRepeats([...(own.length > 0 ? own : orders), ...ties()])
  else if (placed.test(over.type) || isOfRows(over)) over['orders'] = withoutRepeats([...orders, ...ties()])
}

/** Whether its frame counts rows. */
function isOfRows({ start, end }: Expression): boolean {
  return `${String(start)} ${String(end)}`.includes('_ROWS')
}

function withoutRepeats(orders: readonly Order[]): readonly Order[] {
  const shapes = new Set<string>()
  return orders.filter(({ expression }) => {
    if (expression.class === 'CONSTANT') return false
    const shape = shapeOf(expression)
    if (shapes.has(shape)) return false
    return shapes.add(shape)
  })
}

function tiesOf(planning: Planning, node: QueryNode, scope: Scope): readonly Order[] {
  const items = node.select_list!
  if (node.aggregate_handling === 'FORCE_AGGREGATES')
    return items.filter((item) => !hasAggregate(planning, item)).map(unnamed)
  if (node.group_expressions!.length > 0)
    return node.group_expressions!.map((group) => unnamed(namedBy(group, items)))
  const [binding] = scope.bindings
  const place = scope.bindings.length === 1 ? placeIn(binding!.relation) : undefined
  if (place !== undefined) {
    for (const { column } of place) markRead(column)
    return place.map(({ name }) => ascending(columnRef(name)))
  }
  return columnsOf(planning, node, scope)
}

const unnamed = (expression: Expression): Order => ascending({ ...expression, alias: '' })

/** GROUP BY may name an expression of the SELECT by its number or its name. */
function namedBy(group: Expression, items: readonly Expression[]): Expression {
  const number = (group['value'] as { value?: unknown } | undefined)?.value
  if (group.class === 'CONSTANT' && typeof number === 'number') return items[number - 1] ?? group
  const name = group.column_names?.length === 1 ? group.column_names[0]!.toLowerCase() : undefined
  return items.find(({ alias }) => name !== undefined && alias.toLowerCase() === name) ?? group
}

/** The shard and the sequence number, where they are columns of a table. */
function placeIn(relation: Relation) {
  if (relation.sources.length !== 1 || (relation.kind !== 'rows' && relation.kind !== 'windows'))
    return undefined
  const columns = ['shard_id', 'sequence_number'].map((name) => ({
    name,
    column: columnNamed(relation, name),
  }))
  return columns.every(({ name, column }) => column?.base?.value.column_names?.[0] === name)
    ? columns
    : undefined
}

function columnsOf(planning: Planning, node: QueryNode, scope: Scope): readonly Order[] {
  const found: Expression[] = []
  const lambdas = new Set<string>()
  eachExpression([node.select_list, node.qualify], (expression) => {
    const { class: kind, column_names: names } = expression
    if (kind === 'LAMBDA')
      eachExpression(expression['lhs'], ({ column_names: [name] = [] }) => void (name && lambdas.add(name)))
    if (
      kind === 'COLUMN_REF' &&
      !lambdas.has(names![0]!) &&
      columnOf(planning, expression, scope) !== undefined
    )
      found.push({ ...expression, alias: '' })
    if (kind === 'STAR')
      for (const { name, relation } of starred(expression, scope))
        for (const column of relation.columns)
          found.push(columnRef(...[name, column.name].filter((part) => part !== '')))
    return kind === 'SUBQUERY'
  })
  return withoutRepeats(found.map(ascending))
}
