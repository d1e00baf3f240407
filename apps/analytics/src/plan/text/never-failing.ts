// A query that runs for ever goes on whatever its rows hold: where a cast or a call would raise an error, its value is NULL. Casts become
// TRY_CAST; calls that can raise are put into TRY. Of what an aggregate gives, and of what TRY would hide, DuckDB allows none: such
// calls stay as they are. Pure.
import type { FunctionNames } from './parser.ts'
import {
  becomeExpression,
  eachExpression,
  shapeOf,
  type Expression,
  type QueryNode,
  type TableRef,
} from './tree.ts'

/** Functions and operators that raise an error for some of their values. Division by zero is none: it is NULL. */
const raising = new Set(
  `+ - * // % << abs sqrt ln log log2 log10 gamma lgamma acos asin atanh cot factorial chr repeat strptime make_date make_time
  make_timestamp make_timestamp_ms make_timestamp_ns epoch_ms to_timestamp from_hex unhex from_binary unbin from_base64
  decode -> ->> json_extract json_extract_string json_value json_array_length json_keys json_type json_structure
  from_json from_json_strict json_transform json_transform_strict json_contains json_exists`.split(/\s+/),
)

/** Columns of a stream; undefined where they are not known. */
type ColumnsOf = (stream: string) => readonly string[] | undefined

interface Known {
  readonly functions: FunctionNames
  /** Names that TRY would hide: of other expressions of the SELECT, and of tables around a subquery. */
  readonly hidden: ReadonlySet<unknown>
}

/** Puts all of a query into a form that raises nothing, in place. */
export function makeNeverFail(node: QueryNode, functions: FunctionNames, columnsOf: ColumnsOf): void {
  const hidden = new Set<unknown>()
  hide(node, columnsOf, hidden)
  visit(node, { functions, hidden })
}

function hide(part: unknown, columnsOf: ColumnsOf, hidden: Set<unknown>): void {
  if (Array.isArray(part)) for (const one of part) hide(one, columnsOf, hidden)
  else if (typeof part === 'object' && part !== null) {
    const node = part as QueryNode
    if (Array.isArray(node.select_list)) hideNames(node, columnsOf, hidden)
    if ((part as Expression).class === 'SUBQUERY')
      eachExpression((part as Expression).subquery, (below) => void hidden.add(below))
    for (const below of Object.values(part)) hide(below, columnsOf, hidden)
  }
}

/** An expression of a SELECT is known by its name to those behind it, unless a column has that name. */
function hideNames(node: QueryNode, columnsOf: ColumnsOf, hidden: Set<unknown>): void {
  const columns = new Set(columnsIn(node.from_table, columnsOf).map((name) => name.toLowerCase()))
  const names = new Set<string>()
  const look = (part: unknown) =>
    eachExpression(part, (expression) => {
      const [name, more] = expression.column_names ?? []
      if (name !== undefined && more === undefined && names.has(name.toLowerCase())) hidden.add(expression)
    })
  for (const item of node.select_list!) {
    look(item)
    if (item.alias !== '' && !columns.has(item.alias.toLowerCase())) names.add(item.alias.toLowerCase())
  }
  look([node.where_clause, node.having, node.qualify, node.modifiers])
}

function columnsIn(table: TableRef | undefined, columnsOf: ColumnsOf): readonly string[] {
  if (table === undefined) return []
  if (table.type === 'JOIN')
    return [...columnsIn(table.left, columnsOf), ...columnsIn(table.right, columnsOf)]
  const name = table.table_name ?? table.function?.children?.[0]?.column_names?.[0]
  return (name !== undefined && columnsOf(name)) || []
}

function visit(part: unknown, known: Known): void {
  if (Array.isArray(part)) for (const one of part) visit(one, known)
  else if (typeof part === 'object' && part !== null) {
    const node = part as QueryNode
    const isSelect = Array.isArray(node.select_list) && node.type === 'SELECT_NODE'
    if (isSelect && isGrouped(node, known)) visitGrouped(node, known)
    else {
      for (const below of Object.values(part)) visit(below, known)
      protect(part as Expression, known)
    }
  }
}

function isGrouped(node: QueryNode, known: Known): boolean {
  const { select_list: items, group_expressions: groups, having, aggregate_handling: handling } = node
  return handling === 'FORCE_AGGREGATES' || (groups?.length ?? 0) > 0 || aggregates([items, having], known)
}

/** Beside its groups, only what aggregates take may be in TRY. */
function visitGrouped(node: QueryNode, known: Known): void {
  nameGroups(node, known)
  const groups = new Set(groupsOf(node).map(shapeOf))
  const { select_list: items, having, qualify, modifiers, ...others } = node
  visit(others, known)
  visitBeside([items, having, qualify, modifiers], groups, known)
}

function visitBeside(part: unknown, groups: ReadonlySet<string>, known: Known): void {
  if (Array.isArray(part)) for (const one of part) visitBeside(one, groups, known)
  else if (typeof part === 'object' && part !== null) {
    const expression = part as Expression
    const isExpression = typeof expression.class === 'string'
    if (isExpression && (groups.has(shapeOf(expression)) || isAggregate(expression, known)))
      visit(part, known)
    else if (isExpression && expression.class === 'SUBQUERY') visit(part, known)
    else {
      for (const below of Object.values(part)) visitBeside(below, groups, known)
      if (isExpression) makeTryCast(expression)
    }
  }
}

/** GROUP BY ALL is written out, as DuckDB does not take TRY there. Names of other expressions of the SELECT cannot be groups. */
function nameGroups(node: QueryNode, known: Known): void {
  const items = node.select_list!
  const names = new Set(items.map(({ alias }) => alias.toLowerCase()).filter((name) => name !== ''))
  let isPlain = node.aggregate_handling === 'FORCE_AGGREGATES'
  eachExpression(items, ({ class: kind, column_names: [name, more] = [] }) => {
    if (kind === 'STAR' || (name !== undefined && more === undefined && names.has(name.toLowerCase())))
      isPlain = false
  })
  if (!isPlain) return
  node.aggregate_handling = 'STANDARD_HANDLING'
  node.group_expressions = items
    .filter((item) => !aggregates(item, known))
    .map((item) => structuredClone({ ...item, alias: '' }))
  node['group_sets'] = [node.group_expressions.map((_, at) => at)]
}

/** What a SELECT groups by, of its own expressions: given, or by their names or numbers. */
function groupsOf(node: QueryNode): readonly Expression[] {
  const items = node.select_list!
  return node.group_expressions!.flatMap((group): readonly Expression[] => {
    const number = (group['value'] as { value?: unknown } | undefined)?.value
    if (group.class === 'CONSTANT' && typeof number === 'number') return items.slice(number - 1, number)
    const name = group.column_names?.length === 1 ? group.column_names[0]!.toLowerCase() : undefined
    return [group, ...items.filter(({ alias }) => name !== undefined && alias.toLowerCase() === name)]
  })
}

function protect(expression: Expression, known: Known): void {
  makeTryCast(expression)
  if (expression.class !== 'FUNCTION' || !raising.has(expression.function_name!.toLowerCase())) return
  const { children = [] } = expression
  if (children.some(isInterval) || children.every((child) => child.class === 'CONSTANT')) return
  if (isOfMany(expression, known)) return
  const { query_location } = expression
  const call = { ...expression, alias: '' }
  becomeExpression(expression, {
    class: 'OPERATOR',
    type: 'OPERATOR_TRY',
    alias: '',
    query_location,
    children: [call],
  })
}

/** A cast of a constant is wrong or right for all rows: it stays, so that it is refused before the first one. */
function makeTryCast(expression: Expression): void {
  if (expression.class === 'CAST' && (expression['child'] as Expression).class !== 'CONSTANT')
    expression['try_cast'] = true
}

/** A moment and a constant interval stay as they are: joins in time are found by them. */
function isInterval({ class: kind, function_name: name, ...expression }: Expression): boolean {
  if (kind === 'FUNCTION')
    return /^to_(microseconds|milliseconds|seconds|minutes|hours|days|weeks)$/i.test(name!)
  const type = expression['cast_type'] as { id?: string } | undefined
  return kind === 'CAST' && type?.id === 'INTERVAL'
}

function isAggregate({ class: kind, function_name: name }: Expression, { functions }: Known): boolean {
  return kind === 'FUNCTION' && functions.aggregates.has(name!.toLowerCase())
}

/** Whether an aggregate is among expressions, outside OVER. */
function aggregates(part: unknown, known: Known): boolean {
  let found = false
  eachExpression(part, (expression) => {
    if (isAggregate(expression, known)) found = true
    return expression.class === 'SUBQUERY' || expression.class === 'WINDOW'
  })
  return found
}

/** Whether a value is of more rows than one, or is another each time: TRY takes neither. */
function isOfMany(part: unknown, known: Known): boolean {
  if (Array.isArray(part)) return part.some((one) => isOfMany(one, known))
  if (typeof part !== 'object' || part === null) return false
  const { class: kind, function_name: name } = part as Expression
  if (
    known.hidden.has(part) ||
    kind === 'SUBQUERY' ||
    kind === 'WINDOW' ||
    isAggregate(part as Expression, known)
  )
    return true
  if (kind === 'FUNCTION' && (name === 'unnest' || known.functions.unsteady.has(name!.toLowerCase())))
    return true
  return Object.values(part).some((below) => isOfMany(below, known))
}
