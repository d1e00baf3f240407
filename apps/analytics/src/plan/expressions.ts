// Expressions of a SELECT: which columns they read, and what may not be in a query that runs for ever.
import {
  columnOf,
  faultAt,
  isClock,
  markRead,
  refuseEndless,
  type Env,
  type Planning,
  type Scope,
} from './planning.ts'
import type { Column, Relation } from './relation.ts'
import { imagesOf } from './sharing/meetings.ts'
import type { EndlessSubquery } from './subqueries.ts'
import { eachExpression, replaced, type Expression, type QueryNode, type Subquery } from './text/tree.ts'

/** Aggregates whose value is another when rows come in another order. */
const ordered = new Set(
  'first last any_value arbitrary list array_agg string_agg group_concat listagg first_value last_value'.split(
    ' ',
  ),
)

/** Names that stand for expressions of the SELECT, in small letters. */
export type Aliases = ReadonlySet<string>

/** Notes the columns that expressions read, and plans their subqueries. Those that read streams are `endless`, or refused without it. */
export async function readExpressions(
  planning: Planning,
  parts: unknown,
  env: Env,
  scope: Scope,
  aliases: Aliases,
  endless?: EndlessSubquery[],
): Promise<void> {
  const subqueries: Expression[] = []
  const parameters = new Set<string>()
  const visit = (expression: Expression): boolean => {
    switch (expression.class) {
      case 'COLUMN_REF':
        readColumn(planning, expression, scope, aliases, parameters)
        return true
      case 'STAR':
        for (const { relation } of starred(expression, scope)) markAll(relation)
        return false
      case 'LAMBDA':
        eachExpression(
          expression['lhs'],
          ({ column_names: names }) => void (names && parameters.add(names[0]!.toLowerCase())),
        )
        return false
      case 'SUBQUERY':
        subqueries.push(expression)
        eachExpression(expression['child'], visit)
        return true
      case 'FUNCTION':
      case 'WINDOW':
        refuseFunction(planning, expression)
        return false
      default:
        return false
    }
  }
  eachExpression(parts, visit)
  for (const expression of subqueries) {
    const relation = await planning.query((expression.subquery as Subquery).node, env, scope)
    if (relation.kind === 'bounded') continue
    if (endless !== undefined) endless.push({ expression, relation })
    else
      refuseEndless(
        planning,
        expression,
        'A subquery in an expression reads a stream, which never ends: join the stream instead, or read a file.',
      )
  }
}

function readColumn(
  planning: Planning,
  expression: Expression,
  scope: Scope,
  aliases: Aliases,
  parameters: ReadonlySet<string>,
): void {
  const [name, second] = expression.column_names!
  const lower = name!.toLowerCase()
  if (second === undefined && (parameters.has(lower) || isAlias(lower, scope, aliases))) return
  const column = columnOf(planning, expression, scope)
  markRead(column)
  if (column === undefined && second === undefined && isClock(name!))
    refuseEndless(planning, expression, unsteady(name!.toLowerCase()))
}

/** A column of a table comes before an expression of that name; of a stream whose columns are unknown it is taken to be the expression. */
function isAlias(name: string, scope: Scope, aliases: Aliases): boolean {
  if (!aliases.has(name)) return false
  return !scope.bindings.some(({ relation }) =>
    relation.columns.some((column) => column.name.toLowerCase() === name),
  )
}

const unsteady = (name: string) =>
  `${name} gives something else each time it is asked, so results could not be computed again: take a column of the row instead, such as arrival_time.`

function refuseFunction(planning: Planning, expression: Expression): void {
  const name = expression.function_name!.toLowerCase()
  if (planning.functions.unsteady.has(name) || (name === 'age' && expression.children?.length === 1))
    refuseEndless(planning, expression, unsteady(`${name}()`))
  const orders = expression['order_bys'] as { orders: unknown[] } | undefined
  if (expression.class === 'FUNCTION' && ordered.has(name) && orders?.orders.length === 0)
    refuseEndless(
      planning,
      expression,
      `${name} takes rows in the order in which they come, which is another when they are read again: write ${name}(x ORDER BY ts), or min(x).`,
    )
}

/** Returns the tables that a star stands for. */
export function starred(star: Expression, scope: Scope) {
  const name = (star['relation_name'] as string).toLowerCase()
  return scope.bindings.filter((binding) => name === '' || binding.name.toLowerCase() === name)
}

/** Returns the columns that a SELECT gives. */
export function outputOf(planning: Planning, node: QueryNode, scope: Scope): readonly Column[] {
  return node.select_list!.flatMap((item): readonly Column[] => {
    if (item.class === 'STAR') return columnsOfStar(planning, item, scope)
    if (item.class !== 'COLUMN_REF')
      return [
        { name: item.alias, base: baseOf(planning, item, scope), images: imagesOf(planning, item, scope) },
      ]
    const column = columnOf(planning, item, scope)
    return [{ ...column, name: item.alias || item.column_names!.at(-1)! }]
  })
}

function columnsOfStar(planning: Planning, star: Expression, scope: Scope): readonly Column[] {
  const tables = starred(star, scope)
  for (const { relation } of tables) markAll(relation)
  const lower = (name: unknown) => String(name).toLowerCase()
  const excluded = new Set((star['exclude_list'] as unknown[]).map(lower))
  const replacements = new Map(
    (star['replace_list'] as { key: string; value: Expression }[]).map(({ key, value }) => [
      lower(key),
      value,
    ]),
  )
  // Which columns these leave, and how they are called, is not looked at.
  const isChosen =
    star['columns'] === true ||
    star['expr'] != null ||
    [star['qualified_exclude_list'], star['rename_list']].some((list) => (list as unknown[])?.length > 0)
  return tables.flatMap(({ relation }) =>
    relation.columns
      .filter(({ name }) => !excluded.has(lower(name)))
      .map((column): Column => {
        if (isChosen) return { ...column, images: new Map() }
        const value = replacements.get(lower(column.name))
        if (value === undefined) return column
        const { name } = column
        return { name, base: baseOf(planning, value, scope), images: imagesOf(planning, value, scope) }
      }),
  )
}

/** Notes that all columns of a table are read. */
export function markAll(relation: Relation): void {
  if (relation.open !== undefined) relation.open.star = true
  for (const column of relation.columns) markRead(column)
}

/** Returns the value of an expression over the columns of one stream; undefined where it has no such. */
export function baseOf(planning: Planning, expression: Expression, scope: Scope): Column['base'] {
  let base: Column['base']
  let isOne = true
  const value = replaced(expression, (part) => {
    if (part.class === 'SUBQUERY' || part.class === 'WINDOW' || part.class === 'STAR') {
      isOne = false
      return part
    }
    if (part.class === 'FUNCTION' && planning.functions.aggregates.has(part.function_name!)) isOne = false
    if (part.class !== 'COLUMN_REF') return undefined
    const column = columnOf(planning, part, scope)
    if (column?.base === undefined || (base !== undefined && base.source !== column.base.source))
      isOne = false
    else base = column.base
    return column?.base?.value
  })
  return isOne && base !== undefined ? { source: base.source, value } : undefined
}

/** Whether an aggregate is among expressions, outside OVER. */
export function hasAggregate(planning: Planning, parts: unknown): boolean {
  let found = false
  eachExpression(parts, (expression) => {
    if (
      expression.class === 'FUNCTION' &&
      planning.functions.aggregates.has(expression.function_name!.toLowerCase())
    )
      found = true
    return expression.class === 'SUBQUERY' || expression.class === 'WINDOW'
  })
  return found
}

/** Throws the fault of grouping what has no end. */
export function refuseGrouping(planning: Planning, part: Expression | undefined, isWindowed: boolean): void {
  const reason = isWindowed
    ? 'Rows of windows are grouped by both of their bounds: write GROUP BY window_start, window_end, and what else there is.'
    : "This puts rows together that never end, so no result would ever be final: read a window, FROM TUMBLE(TABLE clicks, DESCRIPTOR(arrival_time), INTERVAL '1' MINUTE), and GROUP BY window_start, window_end."
  if (planning.isContinuous) throw faultAt(planning, part, reason)
}
