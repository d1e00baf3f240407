// What the planner makes of a text of SQL, and what those carry out who read rows, run queries and answer single questions. Types only.
//
// Rows of an input lie in a table of its own, `held`: the columns that are read, and `millrace_time` (TIMESTAMP, UTC), the value of `time`.
// Beside these the table may have columns of its owner. A view `relation` over it shows the columns that are read, in order, and no more,
// so that a star means what its author meant. SQL of a plan reads `relation`; only `needed` and `late` are about `held`.
//
// A watermark W says: rows whose time is before W are all here. Each run of a statement has two of them, `millrace_after` and
// `millrace_until` (`SET VARIABLE`, TIMESTAMP): it gives the results that the first did not allow yet and the second does. Results of
// runs over (a, b] and (b, c] are together those of one over (a, c], whatever else was held.

import type { PlannedMeeting } from './sharing/meetings.ts'

/** Where something stands in a text: both from 1. */
export interface SqlPlace {
  readonly line: number
  readonly column: number
}

/**
 * How results come about:
 * - `rows`: of each row alone. Its inputs have no time: `relation` holds the rows of one batch, each row in one batch only.
 * - `windows`: of windows, once the watermark has passed their end.
 * - `over`: for each row over those before it, once the watermark has passed the row.
 * - `join`: of pairs that lie within a span of time, once the watermark has passed both.
 * - `bounded`: of files and constants alone; only in batches.
 */
export type StatementKind = 'rows' | 'windows' | 'over' | 'join' | 'bounded'

/** A table that windows make of another. Microseconds. */
export interface PlannedWindow {
  readonly kind: 'tumble' | 'hop' | 'cumulate' | 'session' | 'stagger'
  /** Of a session, its gap. */
  readonly size: number
  /** The slide of HOP, the step of CUMULATE. */
  readonly step?: number
  readonly offset: number
}

export interface PlannedStatement {
  /** Where results go; undefined for a question alone. */
  readonly target: string | undefined
  /** Names that results have there, in order; empty: those of the SELECT. */
  readonly targetColumns: readonly string[]
  readonly kind: StatementKind
  /** Which of the plan's inputs it reads. Its watermark is the least of theirs. */
  readonly inputs: readonly number[]
  /** What a run executes, between `millrace_after` and `millrace_until`, but for `rows`. Its rows are in no order. */
  readonly sql: string
  /** The same over all rows of its inputs, whatever the watermark. */
  readonly batchSql: string
  /** Files that it reads, as it names them. */
  readonly files: readonly string[]
  readonly windows: readonly PlannedWindow[]
  /** Where it puts rows together. */
  readonly meetings: readonly PlannedMeeting[]
  /** As its author wrote it. */
  readonly text: string
  readonly place: SqlPlace
}

/** Moments of `arrival_time` that a batch needs, in microseconds since 1970: at and after `from`, and before `until`. */
export interface ArrivalRange {
  readonly from?: number
  readonly until?: number
}

/** A stream that is read, by one notion of time. */
export interface PlannedInput {
  readonly stream: string
  readonly relation: string
  readonly held: string
  /** Columns that are read: all of the stream where its columns are unknown and a star stands for them. */
  readonly columns: readonly string[] | 'all'
  /** SQL over the stream's columns whose value, cast to TIMESTAMP, is a row's time; undefined for `rows`, and where a batch has none. */
  readonly time: string | undefined
  /** How long after its time a row is held, in microseconds; undefined where rows decide (sessions, and OVERs that count rows). */
  readonly hold: number | undefined
  /** SQL over `held`: whether results after `millrace_until` need a row. Undefined without `time`. */
  readonly needed: string | undefined
  /**
   * SQL over `millrace_time`: whether a row comes too late for all that `millrace_until` has not passed, and for what rows may come late
   * to. Undefined without `time`.
   */
  readonly late: string | undefined
  /** SQL over `millrace_time`: whether a row changes results up to `millrace_until`; undefined where rows may not come late. */
  readonly again: string | undefined
  readonly arrival: ArrivalRange
}

export interface QueryPlan {
  /** In order. Those that write to a name of the query alone are part of those that read it. */
  readonly statements: readonly PlannedStatement[]
  readonly inputs: readonly PlannedInput[]
}
