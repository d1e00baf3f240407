// The rows of one input of a query: of each load those that count, and for how long. Runs in the app, over the query's session.
import type { StreamPosition, StreamRecord } from 'millrace'
import { shardIdOf } from 'millrace/protocol'
import { EngineFault, type EngineSession } from '../engine/index.ts'
import type { PlannedInput, PlannedWindow } from '../plan/query-plan.ts'
import { spoolColumns, type RefusedRow, type RowTable } from '../rows/index.ts'
import { stepStart } from '../windows/lateness.ts'
import { until } from '../windows/window-sql.ts'
import { lastEnd } from '../windows/window.ts'
import { inputKey } from './place/query-place.ts'
import { isNotBefore } from './snapshots/rows-after.ts'
import { momentSql, type TimeSpan } from './time/watermark.ts'

/** A record by its place. */
export interface RowPlace {
  readonly shard: number
  readonly sequenceNumber: number
}

/** Rows by their numbers in a table, both ends included. */
export interface RowRange {
  readonly first: number
  readonly last: number
}

export interface RowTimes {
  readonly count: number
  readonly first: number
  readonly middle: number
}

export interface TakenRows {
  readonly count: number
  readonly refused: readonly RefusedRow[]
  readonly late: readonly RowPlace[]
  /** How many rows change results that are written already. */
  readonly again: number
}

/** Sequence numbers that are no rows, by shard. */
export type LeftOut = ReadonlyMap<number, ReadonlySet<number>>

/** Rows that were added and deleted since tables were put in order. */
const TIDY_ROWS = 200_000

/** Whether a row has a time that windows can be counted from, and that can be told: one of the years 1 to 9999. */
const HAS_TIME = `coalesce(millrace_time BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999', false)`

const [SHARD, SEQUENCE, ARRIVAL] = Object.keys(spoolColumns) as [string, string, string]

export class HeldInput {
  readonly input: PlannedInput
  /** Of each shard that has had rows: the latest event time, in microseconds. */
  readonly latest = new Map<number, number>()
  readonly #session: EngineSession
  readonly #table: RowTable
  /** Whether rows decide on what others come to: then those that came too late must stay out when rows are read again. */
  readonly remembersLate: boolean
  /** Whether rows are not held. */
  readonly #isPassing: boolean
  #keys: { readonly sql: string; readonly isRead: boolean } | undefined
  #late = new Map<number, Set<number>>()
  #count = 0
  #again = 0
  #changes = 0

  constructor(
    session: EngineSession,
    parts: {
      readonly input: PlannedInput
      readonly table: RowTable
      readonly remembersLate: boolean
      readonly isPassing?: boolean
    },
  ) {
    this.#session = session
    this.input = parts.input
    this.#table = parts.table
    this.remembersLate = parts.remembersLate
    this.#isPassing = parts.isPassing ?? false
  }

  get key(): string {
    return inputKey(this.input)
  }

  /** Rows that are held. */
  get count(): number {
    return this.#count
  }

  /** Rows of the last `take` that change results that are written already. */
  get again(): number {
    return this.#again
  }

  /** Name of the table of the rows of the last `take`, as SQL writes it. */
  get fresh(): string {
    return this.#table.fresh
  }

  /** Has statements read rows of another table or SELECT in the place of those that are held; undefined: of these again. */
  show(rows?: string): Promise<void> {
    return this.#table.show(rows)
  }

  get waitingBytes(): number {
    return this.#table.waitingBytes
  }

  get isTimed(): boolean {
    return this.input.time !== undefined
  }

  add(records: readonly StreamRecord[], shard: number): void {
    this.#table.addBatch(records, shard)
  }

  /** Adds records that were read before: not those that came too late then. */
  addAgain(records: readonly StreamRecord[], shard: number): void {
    const late = this.#late.get(shard)
    for (const record of records)
      if (late?.has(record.sequenceNumber) !== true) this.#table.add(record, shard)
  }

  /** Ends what the next `take` takes. */
  seal(): void {
    this.#table.seal()
  }

  /** Makes rows of what was added, and holds those that count by the watermark that is set. */
  async take(): Promise<TakenRows> {
    const { count, refused } = await this.#table.load()
    if (this.#isPassing) {
      if (this.isTimed) await this.#learn('true')
      return { count, refused: [], late: [], again: 0 }
    }
    if (!this.isTimed) {
      this.#count += await this.#table.keep()
      return { count, refused, late: [], again: 0 }
    }
    const { fresh } = this.#table
    const isLate = this.input.late === undefined ? 'false' : `(${this.input.late})`
    const isBad = await this.#learn(`${HAS_TIME} AND NOT ${isLate}`)
    const timeless = isBad ? await this.#places(`${fresh} WHERE NOT ${HAS_TIME}`) : []
    const late = isBad ? await this.#places(`${fresh} WHERE ${HAS_TIME} AND ${isLate}`) : []
    const kept = await this.#table.keep(isBad ? `${HAS_TIME} AND NOT ${isLate}` : 'true')
    if (this.remembersLate) for (const row of late) this.#remember(row)
    this.#count += kept
    await this.#tidy(kept)
    const reason = 'The row has no time of the years 1 to 9999.'
    return {
      count,
      refused: [...refused, ...timeless.map((row) => ({ ...row, reason }))],
      late,
      again: this.#again,
    }
  }

  /** Returns the values of SQL over its columns, as one text a row, of the rows of the last load; none where it does not read the columns. */
  async values(sql: readonly string[]): Promise<readonly (RowPlace & { readonly value: string })[]> {
    const value = `to_json([${sql.map((each) => `TRY((${each})::VARCHAR)`).join(', ')}])::VARCHAR`
    if (this.#keys?.sql !== value) this.#keys = { sql: value, isRead: await this.#isRead(value) }
    if (!this.#keys.isRead) return []
    const rows = await this.#session.rows(
      `SELECT ${SHARD} AS shard, ${SEQUENCE} AS sequence, ${value} AS value FROM ${this.#table.fresh}`,
    )
    return rows.map(({ shard, sequence, value: text }) => ({
      shard: Number(shard),
      sequenceNumber: Number(sequence),
      value: String(text),
    }))
  }

  async #isRead(value: string): Promise<boolean> {
    try {
      await this.#session.rows(`SELECT ${value} FROM ${this.input.held} LIMIT 0`)
      return true
    } catch (error) {
      if (error instanceof EngineFault) return false
      throw error
    }
  }

  /** Holds what was added with `addAgain`. */
  async takeAgain(): Promise<void> {
    await this.#table.load()
    await this.#learn('true')
    const kept = await this.#table.keep(HAS_TIME)
    this.#count += kept
    await this.#tidy(kept)
  }

  /** Lets go of rows that no later result needs, by the watermark that is set. */
  async release(): Promise<void> {
    const { held, needed } = this.input
    if (this.#count === 0 || (needed === undefined && this.isTimed)) return
    const [deleted] = await this.#session.rows(
      needed === undefined
        ? `DELETE FROM ${held}`
        : `DELETE FROM ${held} WHERE NOT coalesce(${needed}, false)`,
    )
    const gone = Number(deleted!['Count'])
    this.#count -= gone
    await this.#tidy(gone)
  }

  /** Returns the sequence number of the first row that is held, by shard id. */
  async firsts(): Promise<ReadonlyMap<string, number>> {
    if (this.#count === 0) return new Map()
    const rows = await this.#session.rows(
      `SELECT ${SHARD} AS shard, min(${SEQUENCE}) AS first FROM ${this.input.held} GROUP BY 1`,
    )
    return new Map(rows.map(({ shard, first }) => [shardIdOf(Number(shard)), Number(first)]))
  }

  /** The times of rows between two watermarks, each once, in microseconds: the first, the one in the middle, and how many there are. */
  async timesIn({ after, until }: TimeSpan): Promise<RowTimes> {
    const times = `SELECT DISTINCT millrace_time FROM ${this.input.held} WHERE millrace_time >= ${momentSql(after)} AND millrace_time < ${momentSql(until)}`
    const [row] = await this.#session.rows(
      `SELECT count(*) AS count, epoch_us(min(millrace_time)) AS first, epoch_us(list(millrace_time ORDER BY millrace_time)[count(*) // 2 + 1]) AS middle FROM (${times})`,
    )
    return { count: Number(row!['count']), first: Number(row!['first']), middle: Number(row!['middle']) }
  }

  /** Numbers of rows in the table that are held: the first and the last one; undefined without rows. */
  async rowRange(): Promise<RowRange | undefined> {
    const [row] = await this.#session.rows(
      `SELECT min(rowid) AS first, max(rowid) AS last FROM ${this.input.held}`,
    )
    const { first, last } = row!
    return first === null ? undefined : { first: Number(first), last: Number(last) }
  }

  /** The places of rows by their numbers in the table. */
  placesIn(range: RowRange): Promise<readonly RowPlace[]> {
    return this.#places(`${this.input.held} WHERE ${within(range)}`)
  }

  /** Has statements see some of the rows that are held alone. */
  showRows(rows: RowRange | undefined): Promise<void> {
    return this.show(`${this.input.held} WHERE ${rows === undefined ? 'false' : within(rows)}`)
  }

  /** Has statements see the rows alone that results between two watermarks are made of. */
  showNeeded({ after, until }: TimeSpan): Promise<void> {
    const { hold } = this.input
    const from = after === null || hold === undefined ? 'true' : `millrace_time >= ${momentSql(after - hold)}`
    return this.show(`${this.input.held} WHERE ${from} AND millrace_time < ${momentSql(until)}`)
  }

  /** Describes what its rows are: those of a table that is described otherwise are not these. */
  async shape(): Promise<string> {
    const columns = await this.#session.rows(
      `SELECT column_name AS name, column_type AS type FROM (DESCRIBE ${this.input.held})`,
    )
    return JSON.stringify([this.key, this.remembersLate, columns.map(({ name, type }) => [name, type])])
  }

  /** Copies the rows that are held into a new table. */
  async store(table: string): Promise<void> {
    await this.#session.run(`CREATE TABLE ${table} AS FROM ${this.input.held}`)
  }

  /** Holds the rows that `store` has copied, and no others. */
  async restore(table: string, latest: ReadonlyMap<number, number>): Promise<void> {
    await this.clear()
    const { held } = this.input
    await this.#session.run(`INSERT INTO ${held} BY NAME FROM ${table}`)
    const [row] = await this.#session.rows(`SELECT count(*) AS count FROM ${held}`)
    this.#count = Number(row!['count'])
    for (const [shard, time] of latest) this.latest.set(shard, time)
  }

  /** Lets go of all rows. */
  async clear(): Promise<void> {
    await this.#session.run(`DELETE FROM ${this.input.held}`)
    this.latest.clear()
    this.#count = 0
  }

  /** When the first row arrived that is held and not before a position, in milliseconds; undefined where there is none. */
  async oldestArrival(after: StreamPosition | undefined): Promise<number | undefined> {
    const [row] = await this.#session.rows(
      `SELECT min(${ARRIVAL})::DOUBLE AS arrival FROM ${this.input.held} WHERE ${after === undefined ? 'true' : isNotBefore(after)}`,
    )
    return row?.['arrival'] === null ? undefined : Number(row!['arrival'])
  }

  /** Ends what its session does. */
  interrupt(): void {
    this.#session.interrupt()
  }

  /** Windows that begin at different times among the rows that are held, and that the watermark that is set has not passed. */
  async windowsOpen(window: PlannedWindow): Promise<number> {
    if (this.#count === 0) return 0
    const [row] = await this.#session.rows(
      `SELECT count(DISTINCT ${stepStart(window, 'millrace_time')}) AS count FROM ${this.input.held} WHERE ${lastEnd(window, 'millrace_time')} > ${until}`,
    )
    return Number(row!['count'])
  }

  /** Rows that came too late and may be read again, at most so many, the latest; the others are forgotten. */
  lateRows(
    isReadAgain: (shardId: string, sequenceNumber: number) => boolean,
    max: number,
  ): Readonly<Record<string, readonly number[]>> {
    const rows: Record<string, readonly number[]> = {}
    for (const [shard, numbers] of this.#late) {
      const shardId = shardIdOf(shard)
      const kept = [...numbers]
        .filter((number) => isReadAgain(shardId, number))
        .slice(-Math.max(1, Math.floor(max / this.#late.size)))
      if (kept.length > 0) rows[shardId] = kept
      this.#late.set(shard, new Set(kept))
    }
    return rows
  }

  /** Takes over what `lateRows` gave. */
  restoreLate(late: LeftOut): void {
    this.#late = new Map([...late].map(([shard, numbers]) => [shard, new Set(numbers)]))
  }

  #remember({ shard, sequenceNumber }: RowPlace): void {
    let numbers = this.#late.get(shard)
    if (numbers === undefined) this.#late.set(shard, (numbers = new Set()))
    numbers.add(sequenceNumber)
  }

  /** Learns the latest times of the last load, and returns whether it has rows that do not count. */
  async #learn(counts: string): Promise<boolean> {
    const again = this.input.again === undefined ? 'false' : `${HAS_TIME} AND (${this.input.again})`
    const rows = await this.#session.rows(
      `SELECT ${SHARD} AS shard, epoch_us(max(millrace_time) FILTER (${HAS_TIME})) AS latest, bool_and(coalesce(${counts}, false)) AS is_good, count(*) FILTER (${again}) AS again FROM ${this.#table.fresh} GROUP BY 1`,
    )
    this.#again = rows.reduce((sum, row) => sum + Number(row['again']), 0)
    for (const { shard, latest } of rows)
      if (latest !== null)
        this.latest.set(Number(shard), Math.max(this.latest.get(Number(shard)) ?? -Infinity, Number(latest)))
    return rows.some(({ is_good: isGood }) => isGood !== true)
  }

  /** Has rows put in order after many changes: they are compressed, and what was deleted is freed, which DuckDB does not do by itself. */
  async #tidy(changes: number): Promise<void> {
    this.#changes += changes
    if (this.#changes < TIDY_ROWS) return
    this.#changes = 0
    await this.#session.run('CHECKPOINT temp')
  }

  async #places(from: string): Promise<readonly RowPlace[]> {
    const rows = await this.#session.rows(
      `SELECT ${SHARD} AS shard, ${SEQUENCE} AS sequence FROM ${from} ORDER BY 1, 2`,
    )
    return rows.map(({ shard, sequence }) => ({ shard: Number(shard), sequenceNumber: Number(sequence) }))
  }
}

function within({ first, last }: RowRange): string {
  return `rowid BETWEEN ${first} AND ${last}`
}
