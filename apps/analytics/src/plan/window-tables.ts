// TUMBLE(…) and its like in FROM: checks the call, and puts a SELECT of the rows with their windows in its place.
import {
  windowArguments,
  windowCall,
  windowForms,
  type WindowCall,
  type WindowKind,
} from '../windows/window-arguments.ts'
import { windowSql } from '../windows/window-sql.ts'
import { windowColumns } from '../windows/window.ts'
import { baseOf } from './expressions.ts'
import {
  columnOf,
  durationOf,
  faultAt,
  markRead,
  refuseLateness,
  timed,
  type Planning,
  type Scope,
} from './planning.ts'
import type { PlannedWindow } from './query-plan.ts'
import { imagesOf, noteMeeting } from './sharing/meetings.ts'
import { withoutRole, type Column, type Need, type Relation } from './relation.ts'
import {
  become,
  eachExpression,
  putTable,
  replaced,
  type Expression,
  type Subquery,
  type TableRef,
} from './text/tree.ts'

/** A table of a tree, and what is known of it. */
export interface TablePart {
  readonly table: TableRef
  readonly relation: Relation
}

/** Returns the arguments of a window function in FROM. Throws `PlanFault`. */
export function checkedCall(planning: Planning, table: TableRef, kind: WindowKind): WindowCall {
  const call = windowCall(kind, table.function!.children!)
  if (call === undefined)
    throw faultAt(
      planning,
      table,
      `These are not the arguments of ${kind.toUpperCase()}. Write ${windowForms[kind]}.`,
    )
  return call
}

/** Returns the table that a window function makes of another. */
export async function windowTable(
  planning: Planning,
  table: TableRef,
  call: WindowCall,
  data: TablePart,
): Promise<TablePart> {
  const window = await plannedWindow(planning, table, call)
  const { relation } = data
  const isByRow = window.kind !== 'session' && window.kind !== 'stagger'
  const taken = windowColumns.find((name) =>
    relation.columns.some((column) => column.name.toLowerCase() === name),
  )
  if (taken !== undefined)
    throw faultAt(
      planning,
      call.data,
      `It has a column ${taken} already: select it there by another name, such as ${taken} AS earlier_${taken}.`,
    )
  if (!isByRow && relation.kind !== 'rows' && relation.kind !== 'bounded' && planning.isContinuous)
    throw faultAt(
      planning,
      table,
      `${window.kind.toUpperCase()} reads a stream, not results of windows: write their INSERT into a stream of its own, and read that.`,
    )
  if (window.kind === 'session' && relation.parts !== undefined && planning.isContinuous)
    throw faultAt(
      planning,
      table,
      'SESSION reads one stream: write INSERTs of each into a stream of their own, and read that.',
    )
  const scope = { bindings: [{ name: table.alias, relation }] }
  const time = timed(planning, relation, columnOf(planning, call.time, scope), call.time)
  const keys = call.keys.map((key) => keyOf(planning, key, scope))
  if (!isByRow || relation.kind !== 'rows') refuseLateness(planning, table, noLateness(window, isByRow))
  planning.windows.push(window)
  if (!isByRow)
    noteMeeting(planning, relation, {
      kind: 'window',
      part: table,
      keys: call.keys.map((key) => imagesOf(planning, key, scope)),
    })
  const sqlOf = async (restricted: { readonly delay: number } | undefined): Promise<Subquery> => {
    const text = windowSql({
      window,
      data: 'millrace_data',
      time: 'millrace_of_time',
      keys: call.keys.map((_, at) => `millrace_of_key_${at}`),
      restricted,
    })
    const subquery = (await planning.parser.parse(text)).statements[0]!
    return filled(subquery, call, data.table)
  }
  const subquery = await sqlOf(undefined)
  const restricted = planning.isContinuous ? await sqlOf({ delay: time.delay }) : subquery
  become(table, {
    type: 'SUBQUERY',
    alias: table.alias || call.data.column_names!.at(-1)!,
    sample: null,
    query_location: table.query_location,
    subquery,
    column_name_alias: table.column_name_alias ?? [],
  })
  return {
    table,
    relation: {
      kind: 'windows',
      columns: [...relation.columns.map(withoutRole), ...roles(window, time.delay)],
      open: relation.open,
      sources: relation.sources,
      needs: time.needs.map((need) => widened(relation, need, window, keys, time.delay)),
      filters: [],
      delay: time.delay,
      passes: relation.passes && isByRow,
      isOneToOne: false,
      restrict: [() => (table.subquery = restricted)],
    },
  }
}

/** Returns the value of a key over the columns of a stream, which are read for it. */
function keyOf(planning: Planning, key: Expression, scope: Scope): Column['base'] {
  eachExpression(
    key,
    (part) => void (part.class === 'COLUMN_REF' && markRead(columnOf(planning, part, scope))),
  )
  return baseOf(planning, key, scope)
}

function noLateness({ kind }: PlannedWindow, isByRow: boolean): string {
  return isByRow
    ? 'these windows are of results, which do not come again.'
    : `a row may change where windows of ${kind.toUpperCase()} begin and end. They can in TUMBLE, HOP and CUMULATE.`
}

/** The last millisecond of a window is after its window_time: rows of it may come until the watermark is at its end, or past that of a session. */
const roles = ({ kind }: PlannedWindow, delay: number): readonly Column[] => [
  { name: 'window_start', role: { role: 'window_start', delay } },
  { name: 'window_end', role: { role: 'window_end', delay } },
  { name: 'window_time', role: { role: 'time', delay: delay + (kind === 'session' ? 1000 : 999) } },
]

function widened(
  relation: Relation,
  need: Need,
  window: PlannedWindow,
  keys: readonly Column['base'][],
  delay: number,
): Need {
  if (relation.kind !== 'rows') return { ...need, span: need.span + window.size + delay }
  const values = keys.flatMap((base) => (base === undefined ? [] : [base.value]))
  return { ...need, window, keys: values, span: delay }
}

/** Puts the table and its columns into a template. */
function filled(subquery: Subquery, call: WindowCall, data: TableRef): Subquery {
  const names: Record<string, Expression> = { millrace_of_time: call.time }
  call.keys.forEach((key, at) => (names[`millrace_of_key_${at}`] = key))
  const copy = replaced(
    subquery as unknown as Expression,
    (part) => names[part.column_names?.[0] ?? ''],
  ) as unknown as Subquery
  putTable(copy, 'millrace_data', data)
  return copy
}

async function plannedWindow(
  planning: Planning,
  table: TableRef,
  { kind, durations }: WindowCall,
): Promise<PlannedWindow> {
  const values = new Map<string, number>()
  for (const [name, expression] of durations) {
    const value = await durationOf(planning, expression, `The ${name} of ${kind.toUpperCase()}`)
    if (value <= 0 && name !== 'offset')
      throw faultAt(planning, expression, `The ${name} of ${kind.toUpperCase()} must be more than nothing.`)
    values.set(name, value)
  }
  const size = values.get('size') ?? values.get('gap')!
  const step = values.get('slide') ?? values.get('step')
  if (step !== undefined && (size % step !== 0 || step > size)) {
    const [first] = windowArguments[kind]
    throw faultAt(
      planning,
      table,
      `The size of ${kind.toUpperCase()} must be a multiple of its ${first}: it is ${shown(size)}, of ${shown(step)}. Write ${windowForms[kind]}.`,
    )
  }
  return { kind, size, ...(step !== undefined && { step }), offset: values.get('offset') ?? 0 }
}

/** Returns a duration for people. */
export function shown(microseconds: number): string {
  const units = [
    ['day', 86_400e6],
    ['hour', 3600e6],
    ['minute', 60e6],
    ['second', 1e6],
    ['millisecond', 1e3],
  ] as const
  const [unit, length] = units.find(([, each]) => microseconds % each === 0) ?? (['microsecond', 1] as const)
  const count = microseconds / length
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
