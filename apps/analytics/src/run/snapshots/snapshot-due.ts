// When a snapshot is worth its while. Pure.

/** A query that holds rows, since the last snapshot; all of its time where there is none. */
export interface Unsaved {
  /** Records that would be read again. */
  readonly records: number
  /** Rows that windows hold. */
  readonly held: number
}

/** Records that are read again in the end rather than written before. A few seconds' work. */
export const RECORDS_MIN = 1_000_000

/** Whether reading again would take long. Of rows that a snapshot writes, at least half are new: so it never costs more than the rows did. */
export function isLong({ records, held }: Unsaved, least = RECORDS_MIN): boolean {
  return held > 0 && records >= Math.max(least, held / 2)
}

/** Milliseconds between two snapshots of one query for the age of rows: a part of their retention, within bounds. */
const AGE_PART = 16
const AGE_MS = { least: 10_000, most: 600_000 } as const

/** Whether a row that no snapshot has may expire before the next look at it. `sinceLast` is Infinity where there was none. */
export function mayExpire(of: {
  /** How old the oldest such row is, and how old it may become. */
  readonly age: number
  readonly retentionMs: number
  readonly sinceLast: number
}): boolean {
  const between = Math.min(AGE_MS.most, Math.max(AGE_MS.least, of.retentionMs / AGE_PART))
  return of.age >= of.retentionMs / 2 && of.sinceLast >= between
}
