// A query that runs for ever goes on whatever its rows hold: where a cast or a call would raise an error, its value is NULL. Casts become
// TRY_CAST; calls that can raise are put into TRY. Of what an aggregate gives, DuckDB allows no TRY: such calls stay as they are. Pure.
import type { FunctionNames } from './parser.ts'
import { becomeExpression, eachExpression, shapeOf, type Expression, type QueryNode } from './tree.ts'

/** Functions and operators that raise an error for some of their values. Division by zero is none: it is NULL. */
const raising = new Set(
  `+ - * // % << abs sqrt ln log log2 log10 gamma lgamma acos asin factorial chr strptime make_date make_time
  make_timestamp make_timestamp_ms make_timestamp_ns epoch_ms to_timestamp from_hex unhex from_binary unbin from_base64
  decode -> ->> json_extract json_extract_string json_value json_array_length json_keys json_type json_structure
  from_json from_json_strict json_transform json_transform_strict json_contains json_exists`.split(/\s+/),
)

/** Puts all of a query into a form that raises nothing, in place. */
export function makeNeverFail(node: QueryNode, functions: FunctionNames): void {
  visit(node, functions)
}

function visit(part: unknown, functions: FunctionNames): void {
  if (Array.isArray(part)) for (const one of part) visit(one, functions)
  else if (typeof part === 'object' && part !== null) {
    const node = part as QueryNode
    const isSelect = Array.isArray(node.select_list) && node.type === 'SELECT_NODE'
    if (isSelect && isGrouped(node, functions)) visitGrouped(node, functions)
    else {
      for (const below of Object.values(part)) visit(below, functions)
      protect(part as Expression, functions)
    }
  }
}

function isGrouped(node: QueryNode, functions: FunctionNames): boolean {
  const { select_list: items, group_expressions: groups, having, aggregate_handling: handling } = node
  return (
    handling === 'FORCE_AGGREGATES' || (groups?.length ?? 0) > 0 || aggregates([items, having], functions)
  )
}

/** Beside its groups, only what aggregates take may be in TRY. */
function visitGrouped(node: QueryNode, functions: FunctionNames): void {
  nameGroups(node, functions)
  const groups = new Set(groupsOf(node).map(shapeOf))
  const { select_list: items, having, qualify, modifiers, ...others } = node
  visit(others, functions)
  visitBeside([items, having, qualify, modifiers], groups, functions)
}

function visitBeside(part: unknown, groups: ReadonlySet<string>, functions: FunctionNames): void {
  if (Array.isArray(part)) for (const one of part) visitBeside(one, groups, functions)
  else if (typeof part === 'object' && part !== null) {
    const expression = part as Expression
    const isExpression = typeof expression.class === 'string'
    if (isExpression && (groups.has(shapeOf(expression)) || isAggregate(expression, functions)))
      visit(part, functions)
    else if (isExpression && expression.class === 'SUBQUERY') visit(part, functions)
    else {
      for (const below of Object.values(part)) visitBeside(below, groups, functions)
      if (isExpression) makeTryCast(expression)
    }
  }
}

/** GROUP BY ALL is written out, as DuckDB does not take TRY there. Names of other expressions of the SELECT cannot be groups. */
function nameGroups(node: QueryNode, functions: FunctionNames): void {
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
    .filter((item) => !aggregates(item, functions))
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

function protect(expression: Expression, functions: FunctionNames): void {
  makeTryCast(expression)
  if (expression.class !== 'FUNCTION' || !raising.has(expression.function_name!.toLowerCase())) return
  const { children = [] } = expression
  if (children.some(isInterval) || children.every((child) => child.class === 'CONSTANT')) return
  if (isOfMany(expression, functions)) return
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

function isAggregate(
  { class: kind, function_name: name }: Expression,
  { aggregates }: FunctionNames,
): boolean {
  return kind === 'FUNCTION' && aggregates.has(name!.toLowerCase())
}

/** Whether an aggregate is among expressions, outside OVER. */
function aggregates(part: unknown, functions: FunctionNames): boolean {
  let found = false
  eachExpression(part, (expression) => {
    if (isAggregate(expression, functions)) found = true
    return expression.class === 'SUBQUERY' || expression.class === 'WINDOW'
  })
  return found
}

/** Whether a value is of more rows than one, or is another each time: TRY takes neither. */
function isOfMany(part: unknown, functions: FunctionNames): boolean {
  if (Array.isArray(part)) return part.some((one) => isOfMany(one, functions))
  if (typeof part !== 'object' || part === null) return false
  const { class: kind, function_name: name } = part as Expression
  if (kind === 'SUBQUERY' || kind === 'WINDOW' || isAggregate(part as Expression, functions)) return true
  if (kind === 'FUNCTION' && (name === 'unnest' || functions.unsteady.has(name!.toLowerCase()))) return true
  return Object.values(part).some((below) => isOfMany(below, functions))
}
