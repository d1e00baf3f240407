// A question of the dialect with its records and its results, all written out: for the planner, for the app, and for Flink SQL.

export type CaseValue = string | number | boolean | null

/** Fields of a record by name; `arrival_time` is not one, but when it came. */
export type CaseRecord = Readonly<Record<string, CaseValue>>

export interface CaseStream {
  /** Types of DuckDB by field, as a definition has them. */
  readonly columns: Readonly<Record<string, string>>
  /** In the order in which they came. */
  readonly records: readonly CaseRecord[]
}

export interface DialectCase {
  readonly name: string
  /** The page or the example that it is from; results are as printed there, where there are any, else counted by hand. */
  readonly from: string
  readonly streams: Readonly<Record<string, CaseStream>>
  /** Files that it reads, by name; their directory stands as `{files}` in the SQL. */
  readonly files?: Readonly<Record<string, string>>
  readonly sql: string
  /** Results by target, in no order. */
  readonly expected: Readonly<Record<string, readonly CaseRecord[]>>
  /** The SELECT in Flink SQL where it is written differently there; null: there is no such question there. */
  readonly flink?: string | null
}

/** Whether a case goes by when records came: `arrival_time` of its records must be the broker's then. */
export function isByArrival({ sql }: DialectCase): boolean {
  return /\b(rowtime\b|\w+_tumbling\(|windowed by|over w1|rows 1 preceding)/i.test(sql)
}

/** Returns a moment of the day of the examples, as results have it. */
export function at(time: string): string {
  return `2020-04-15T${time}${/^\d+:\d+$/.test(time) ? ':00' : ''}Z`
}

/** Returns rows of columns, given as lists of values. */
export function rows(columns: string, ...values: readonly (readonly CaseValue[])[]): readonly CaseRecord[] {
  const names = columns.split(' ')
  return values.map((row) => Object.fromEntries(names.map((name, place) => [name, row[place]!])))
}

/** Returns rows as text, in an order of their own, with numbers as exact as ten digits. */
export function shownRows(rows: readonly CaseRecord[]): readonly string[] {
  return rows
    .map((row) =>
      JSON.stringify(row, (_, value: unknown) =>
        typeof value === 'number' ? Number(value.toPrecision(10)) : value,
      ),
    )
    .sort()
}
