// The tree of a SELECT as DuckDB writes and reads it: names for the parts that are looked at or changed. All else passes through
// untouched. Pure.

/** A number that JavaScript would change when it is read and written again, as its digits. */
export interface ExactNumber {
  readonly $number: string
}

export interface Expression {
  class: string
  type: string
  alias: string
  query_location: number | ExactNumber
  column_names?: string[]
  function_name?: string
  children?: Expression[]
  subquery?: Subquery
  [part: string]: unknown
}

export interface TableRef {
  type: string
  alias: string
  query_location: number | ExactNumber
  table_name?: string
  schema_name?: string
  function?: Expression
  subquery?: Subquery
  left?: TableRef
  right?: TableRef
  condition?: Expression | null
  join_type?: string
  ref_type?: string
  using_columns?: string[]
  column_name_alias?: string[]
  [part: string]: unknown
}

export interface Subquery {
  node: QueryNode
  [part: string]: unknown
}

export interface Modifier {
  type: string
  distinct_on_targets?: Expression[]
  [part: string]: unknown
}

export interface QueryNode {
  type: string
  modifiers: Modifier[]
  cte_map: { map: { key: string; value: { aliases: string[]; query: Subquery; [part: string]: unknown } }[] }
  select_list?: Expression[]
  from_table?: TableRef
  where_clause?: Expression | null
  group_expressions?: Expression[]
  aggregate_handling?: string
  having?: Expression | null
  qualify?: Expression | null
  setop_type?: string
  setop_all?: boolean
  left?: QueryNode
  right?: QueryNode
  [part: string]: unknown
}

export interface Tree {
  error: false
  statements: Subquery[]
}

/** Calls `visit` with each expression below a part of a tree, in order; one for which it returns true is not entered. */
export function eachExpression(part: unknown, visit: (expression: Expression) => boolean | void): void {
  if (Array.isArray(part)) for (const one of part) eachExpression(one, visit)
  else if (typeof part === 'object' && part !== null) {
    if (typeof (part as Expression).class === 'string' && visit(part as Expression) === true) return
    for (const below of Object.values(part)) eachExpression(below, visit)
  }
}

/** Returns what an expression is, wherever it stands and whatever it is called. */
export function shapeOf(expression: Expression): string {
  return JSON.stringify({ ...expression, alias: '' }, (name, value: unknown) =>
    name === 'query_location' ? 0 : value,
  )
}

/** Calls `visit` with each table below a part of a tree, in order. */
export function eachTable(part: unknown, visit: (table: TableRef) => void): void {
  if (Array.isArray(part)) for (const one of part) eachTable(one, visit)
  else if (typeof part === 'object' && part !== null) {
    if (/^(BASE_TABLE|SUBQUERY|TABLE_FUNCTION|JOIN)$/.test((part as TableRef).type) && !('class' in part))
      visit(part as TableRef)
    for (const below of Object.values(part)) eachTable(below, visit)
  }
}

/** Returns a constant as text; undefined of all else. */
export function textOf({ class: kind, ...expression }: Expression): string | undefined {
  const constant = expression['value'] as { value?: unknown } | undefined
  const value = kind === 'CONSTANT' ? constant?.value : undefined
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

/** Returns text as a constant. */
export function textConstant(value: string): Expression {
  return {
    class: 'CONSTANT',
    type: 'VALUE_CONSTANT',
    alias: '',
    query_location: 0,
    value: { type: { id: 'VARCHAR', type_info: null }, is_null: false, value },
  }
}

/** Returns a column by its name, or by that of its table and its own. */
export function columnRef(...names: string[]): Expression {
  return { class: 'COLUMN_REF', type: 'COLUMN_REF', alias: '', query_location: 0, column_names: names }
}

/** Returns a call of a function, or of an operator. */
export function functionCall(name: string, children: Expression[]): Expression {
  return {
    class: 'FUNCTION',
    type: 'FUNCTION',
    alias: '',
    query_location: 0,
    function_name: name,
    schema: '',
    children,
    filter: null,
    order_bys: { type: 'ORDER_MODIFIER', orders: [] },
    distinct: false,
    is_operator: /^[^a-z]/.test(name),
    export_state: false,
    catalog: '',
  }
}

export function castAs(type: string, child: Expression): Expression {
  const cast_type = { id: type, type_info: null }
  return {
    class: 'CAST',
    type: 'OPERATOR_CAST',
    alias: '',
    query_location: 0,
    child,
    cast_type,
    try_cast: false,
  }
}

/** Makes one expression of a tree another, under the name that it had. */
export function becomeExpression(expression: Expression, other: Expression): void {
  const { alias } = expression
  for (const name of Object.keys(expression)) delete (expression as Record<string, unknown>)[name]
  Object.assign(expression, other, { alias })
}

/** Makes one table of a tree another. Whoever knows it, knows the other. */
export function become(table: TableRef, other: TableRef): void {
  for (const name of Object.keys(table)) delete (table as Record<string, unknown>)[name]
  Object.assign(table, other)
}

/** Puts a table itself in the place of one that FROM names. */
export function putTable(part: unknown, name: string, table: TableRef): void {
  if (typeof part !== 'object' || part === null) return
  for (const below of Object.values(part)) putTable(below, name, table)
  const node = part as QueryNode
  if (node.from_table?.table_name === name) node.from_table = table
}

/** Returns a copy of an expression with some of its parts replaced. */
export function replaced(
  expression: Expression,
  by: (part: Expression) => Expression | undefined,
): Expression {
  const copy = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(copy)
    if (typeof part !== 'object' || part === null) return part
    const other = typeof (part as Expression).class === 'string' ? by(part as Expression) : undefined
    if (other !== undefined) return { ...other, alias: (part as Expression).alias }
    return Object.fromEntries(Object.entries(part).map(([name, below]) => [name, copy(below)]))
  }
  return copy(expression) as Expression
}

/** Returns the parts of a conjunction. */
export function conjuncts(expression: Expression | null | undefined): readonly Expression[] {
  if (expression == null) return []
  if (expression.type === 'CONJUNCTION_AND') return expression.children!.flatMap((child) => conjuncts(child))
  return [expression]
}

/** Returns all of them together; undefined of none. */
export function conjunction(children: readonly Expression[]): Expression | null {
  if (children.length < 2) return children[0] ?? null
  return {
    class: 'CONJUNCTION',
    type: 'CONJUNCTION_AND',
    alias: '',
    query_location: 0,
    children: [...children],
  }
}
