// What is at hand while one text is planned. Its tables, columns and faults.
import { PlanFault } from './plan-fault.ts'
import { positionOf, type FunctionNames, type SqlParser } from './text/parser.ts'
import type { PlannedWindow } from './query-plan.ts'
import { columnNamed, type Column, type Relation, type Source } from './relation.ts'
import type { Meeting } from './sharing/meetings.ts'
import {
  columnRef,
  functionCall,
  textConstant,
  type Expression,
  type QueryNode,
  type Subquery,
  type TableRef,
} from './text/tree.ts'

/** Tables of WITH, by name in small letters, and those around them. */
export interface Env {
  readonly tables: ReadonlyMap<
    string,
    { readonly query: Subquery; readonly aliases: string[]; readonly env: Env }
  >
}

/** Tables that expressions may name, and those of the SELECT around. */
export interface Scope {
  readonly bindings: readonly Binding[]
  readonly outer?: Scope | undefined
}

export interface Binding {
  readonly name: string
  readonly relation: Relation
}

/** What FROM reads: each table by its name, and all of them together. */
export interface FromPart {
  readonly bindings: readonly Binding[]
  readonly relation: Relation
  /** Conditions that only complete results meet; of an interval join. */
  readonly emission?: Expression | undefined
}

export interface Planning {
  readonly text: string
  readonly parser: SqlParser
  readonly functions: FunctionNames
  /** Whether it runs for ever, over rows that have no end. */
  readonly isContinuous: boolean
  /** Microseconds by which rows may be late and count still: windows then give their results again. */
  readonly lateness: number
  readonly columnsOf: (stream: string) => readonly string[] | undefined
  /** What earlier statements write to names of the query alone. */
  readonly inQuery: ReadonlyMap<string, { readonly node: QueryNode; readonly names: readonly string[] }>
  readonly sources: Source[]
  readonly windows: PlannedWindow[]
  readonly files: string[]
  readonly meetings: Meeting[]
  /** What FROM reads, of each SELECT. */
  readonly parts: WeakMap<QueryNode, FromPart>
  readonly query: (node: QueryNode, env: Env, outer?: Scope) => Promise<Relation>
}

export function faultAt(
  planning: Planning,
  part: Expression | TableRef | undefined,
  reason: string,
): PlanFault {
  const { text } = planning
  return new PlanFault(text, part === undefined ? 0 : positionOf(text, part), reason)
}

/** Refuses what has no end to wait for; a batch may. */
export function refuseEndless(
  planning: Planning,
  part: Expression | TableRef | undefined,
  reason: string,
): void {
  if (planning.isContinuous) throw faultAt(planning, part, reason)
}

/** Refuses what cannot give a result again when a row comes late. */
export function refuseLateness(
  planning: Planning,
  part: Expression | TableRef | undefined,
  reason: string,
): void {
  if (planning.lateness > 0)
    throw faultAt(planning, part, `Rows that come late cannot count here (--lateness): ${reason}`)
}

/** Returns the column that a reference means, of those in scope; undefined where it means none. */
export function columnOf(
  planning: Planning,
  reference: Expression,
  scope: Scope | undefined,
): Column | undefined {
  if (scope === undefined) return undefined
  const [first, second, ...more] = reference.column_names!
  const fields = second === undefined ? [] : [second, ...more]
  if (second !== undefined) {
    const table = scope.bindings.find(({ name }) => name.toLowerCase() === first!.toLowerCase())
    if (table !== undefined) return fieldOf(columnNamed(table.relation, second), more)
  }
  const lower = first!.toLowerCase()
  for (const { relation } of scope.bindings) {
    const found = relation.columns.find(({ name }) => name.toLowerCase() === lower)
    if (found !== undefined) return fieldOf(found, fields)
  }
  const open = scope.bindings.filter(({ relation }) => relation.open !== undefined)
  if (open.length > 1 && !isClock(first!)) {
    const names = open.map(({ name }) => `${name}.${first}`)
    throw faultAt(planning, reference, `Of which table is ${first}? Write ${names.join(' or ')}.`)
  }
  if (open.length === 1 && !isClock(first!)) return fieldOf(columnNamed(open[0]!.relation, first!), fields)
  return columnOf(planning, reference, scope.outer)
}

/** Returns a field of a column that holds a STRUCT, by the names on the way to it. */
function fieldOf(column: Column | undefined, names: readonly string[]): Column | undefined {
  if (column === undefined || names.length === 0) return column
  const { base } = column
  return { name: names.at(-1)!, base: base && { ...base, value: fieldIn(base.value, names) } }
}

function fieldIn(value: Expression, names: readonly string[]): Expression {
  if (value.class === 'COLUMN_REF') return columnRef(...value.column_names!, ...names)
  return names.reduce((from, name) => functionCall('struct_extract', [from, textConstant(name)]), value)
}

/** Names that DuckDB takes for functions where no column has them. */
export function isClock(name: string): boolean {
  return /^(current_(date|time|timestamp)|localtime(stamp)?)$/i.test(name)
}

/** Notes that a column is read. */
export function markRead(column: Column | undefined): void {
  if (column?.base === undefined) return
  const { source, value } = column.base
  markNames(value, source.columns)
}

function markNames(value: unknown, names: Set<string>): void {
  if (Array.isArray(value)) for (const one of value) markNames(one, names)
  else if (typeof value === 'object' && value !== null) {
    const { column_names: columns } = value as Expression
    if (columns !== undefined) names.add(columns[0]!)
    for (const below of Object.values(value)) markNames(below, names)
  }
}

/** Returns a constant duration in microseconds. */
export async function durationOf(planning: Planning, expression: Expression, what: string): Promise<number> {
  const { parser } = planning
  const sql = await parser.printExpression(expression)
  if (/\bto_(months|years|quarters|decades|centuries|millennia)\(/i.test(sql))
    throw faultAt(
      planning,
      expression,
      `${what} is of calendar months, which are not of one length: write days, hours, minutes or seconds.`,
    )
  const value = await parser.valueOf(`epoch_us(CAST(${sql} AS INTERVAL))`)
  if (value === undefined)
    throw faultAt(planning, expression, `${what} must be a constant interval, such as INTERVAL '1' MINUTE.`)
  return Number(value)
}

/** The time of a relation's rows by one of its columns. */
export interface Timed {
  readonly delay: number
  /** Whether rows may have none: those of a join that had no match. */
  readonly isNullable?: boolean
  readonly needs: Relation['needs']
}

/** Makes a column the time of a relation. */
export function timed(
  planning: Planning,
  relation: Relation,
  column: Column | undefined,
  part: Expression,
): Timed {
  const name = part.column_names?.at(-1) ?? 'this'
  if (relation.kind === 'bounded') {
    if (!planning.isContinuous) return { delay: 0, needs: [] }
    throw faultAt(planning, part, `Windows are made of streams; this reads none.`)
  }
  if (relation.kind === 'rows' && relation.parts !== undefined) {
    const each = relation.parts.map((side) => {
      const own = column?.place === undefined ? columnNamed(side, name) : side.columns[column.place]
      return timed(planning, side, own, part).needs
    })
    return { delay: 0, needs: each.flat() }
  }
  if (column === undefined) throw faultAt(planning, part, `There is no column ${name} to take the time from.`)
  if (relation.kind === 'rows') {
    if (column.base === undefined || relation.sources.length !== 1) {
      if (!planning.isContinuous) return { delay: 0, needs: [] }
      throw faultAt(
        planning,
        part,
        `${name} cannot be the time of rows: it must come from columns of one stream alone.`,
      )
    }
    const { source, value } = column.base
    markRead(column)
    source.time = value
    return { delay: 0, needs: [{ source, filters: relation.filters, span: 0 }] }
  }
  if (column.role?.role !== 'time') {
    const hint =
      relation.kind === 'windows'
        ? 'window_time'
        : 'the column by which its rows are ordered or joined in time'
    refuseEndless(planning, part, `${name} is not the time of these rows: take ${hint}, and select it there.`)
    return { delay: 0, needs: relation.needs }
  }
  const { delay, isNullable = false } = column.role
  return { delay, needs: relation.needs, isNullable }
}
