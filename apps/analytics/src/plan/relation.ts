// What is known of a table within a query: how its rows come about, its columns, and which rows of streams they need. Pure.
import type { PlannedWindow, StatementKind } from './query-plan.ts'
import type { Images } from './sharing/meetings.ts'
import { columnRef, type Expression, type TableRef } from './text/tree.ts'

/** A stream where it is read. */
export interface Source {
  readonly stream: string
  /** The table in the tree; its name is put in once it is known by which time it is read. */
  readonly table: TableRef
  readonly known: readonly string[] | undefined
  readonly columns: Set<string>
  star: boolean
  /** Over its columns. */
  time: Expression | undefined
  /** Conditions over its columns that each row that counts meets. */
  readonly arrival: Expression[]
}

/** Which rows of a source results need. */
export interface Need {
  readonly source: Source
  readonly window?: PlannedWindow
  /** Over the columns of the source; of windows that are counted by key. */
  readonly keys?: readonly Expression[]
  /** Conditions over its columns that leave rows out before windows are made. */
  readonly filters: readonly Expression[]
  /** How long after its time, in microseconds, a row counts. */
  readonly span: number
  /** Of each key, so many of its latest rows count however old they are; `ties` order those of one time. */
  readonly last?: { readonly rows: number; readonly ties: readonly Expression[] } | undefined
}

/** How a column tells of time: `delay` is how long after that time the watermark must be for all rows of it to be there. */
export interface TimeRole {
  readonly role: 'window_start' | 'window_end' | 'time'
  readonly delay: number
  /** Whether rows may have none: those of a join that had no match. */
  readonly isNullable?: boolean
}

export interface Column {
  readonly name: string
  /** Of UNION ALL, its place in each side. */
  readonly place?: number | undefined
  readonly role?: TimeRole | undefined
  /** The stream that it comes from, and its value over the columns of that. */
  readonly base?: { readonly source: Source; readonly value: Expression } | undefined
  /** Where that is more than `base` says, or less. */
  readonly images?: Images | undefined
}

export interface Relation {
  readonly kind: StatementKind
  /** Columns in order; `all` is set where there may be others, of unknown names. */
  readonly columns: readonly Column[]
  readonly open: Source | undefined
  readonly sources: readonly Source[]
  readonly needs: readonly Need[]
  /** Conditions over the columns of its one source. */
  readonly filters: readonly Expression[]
  /** How long after window_time, or its time, the watermark must be. */
  readonly delay: number
  /** Whether a condition on its columns may as well be put on those of its sources. */
  readonly passes: boolean
  /** Whether its rows are those of its one source that meet the filters, each once. */
  readonly isOneToOne: boolean
  /** Of UNION ALL of rows, what each side gives. */
  readonly parts?: readonly Relation[] | undefined
  /** Restricts the tree to what a run completes. */
  readonly restrict: readonly (() => void)[]
}

/** A table without rows of streams. */
export function boundedRelation(columns: readonly Column[] = []): Relation {
  return {
    kind: 'bounded',
    columns,
    open: undefined,
    sources: [],
    needs: [],
    filters: [],
    delay: 0,
    passes: true,
    isOneToOne: false,
    restrict: [],
  }
}

/** Returns the relation of a stream. */
export function streamRelation(source: Source): Relation {
  return {
    ...boundedRelation(source.known?.map((name) => columnOfSource(source, name)) ?? []),
    kind: 'rows',
    isOneToOne: true,
    open: source.known === undefined ? source : undefined,
    sources: [source],
  }
}

/** Returns a column of a stream. */
export function columnOfSource(source: Source, name: string): Column {
  return { name, base: { source, value: columnRef(name) } }
}

/** Returns a column by its name, in whatever case. */
export function columnNamed(relation: Relation, name: string): Column | undefined {
  const lower = name.toLowerCase()
  const found = relation.columns.find((column) => column.name.toLowerCase() === lower)
  return found ?? (relation.open === undefined ? undefined : columnOfSource(relation.open, name))
}

/** Returns a relation of which a column is the time. */
export function withTime(relation: Relation, name: string, role: TimeRole): Relation {
  const others = relation.columns.filter((column) => column.name.toLowerCase() !== name.toLowerCase())
  const found = columnNamed(relation, name)
  const time: Column = { name, base: found?.base, images: found?.images, role }
  return { ...relation, columns: [...others, time] }
}

export const withoutRole = ({ name, base, images }: Column): Column => ({ name, base, images })
