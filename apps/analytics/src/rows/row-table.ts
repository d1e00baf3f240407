// Records become rows of a table. Runs in the app, over a session of DuckDB. A batch is spooled to a file, read into a table of its own
// (`fresh`), where its owner looks at it, and kept in the table of rows that are held. What cannot be a row is told, with the reason.
import { writeFile } from 'node:fs/promises'
import type { StreamRecord } from 'millrace'
import { EngineFault, type EngineSession } from '../engine/index.ts'
import { isRecordColumn, recordColumns, spoolColumns, type RecordColumnName } from './record-columns.ts'
import { linesSql, RowLines } from './row-lines.ts'
import { quotedName, quotedText } from './sql-text.ts'

/** A column of rows: one of `recordColumns`, or a field of the payload under its own name. */
export interface RowColumn {
  readonly name: string
  /** Type of DuckDB. Of a column that every record has, its own. */
  readonly type: string
}

export interface RowTableShape {
  /** Name of the table of rows that are held. */
  readonly held: string
  /** Name of the view of it that shows the columns, and no more. */
  readonly relation: string
  readonly columns: readonly RowColumn[]
  /** SQL over the columns for `millrace_time`; undefined where rows have no time. */
  readonly time: string | undefined
}

/** A record that is no row. */
export interface RefusedRow {
  readonly shard: number
  readonly sequenceNumber: number
  /** The column that did not take its value; undefined where the payload is no JSON object. */
  readonly column?: string
  readonly reason: string
}

export interface LoadedRows {
  readonly count: number
  readonly refused: readonly RefusedRow[]
}

/** What a load reads. */
interface SealedLines {
  readonly count: number
  readonly longest: number
  readonly refused: RefusedRow[]
  readonly lines: Uint8Array
}

/** Rows of one input. Loads come one after the other; records may be added meanwhile, to the next one. */
export class RowTable {
  readonly shape: RowTableShape
  readonly #session: EngineSession
  readonly #path: string
  readonly #own: readonly RecordColumnName[]
  readonly #fields: readonly RowColumn[]
  readonly #lines: RowLines
  #refused: RefusedRow[] = []
  #sealed: SealedLines | undefined

  private constructor(session: EngineSession, shape: RowTableShape, path: string) {
    this.#session = session
    this.shape = shape
    this.#path = path
    this.#own = (Object.keys(recordColumns) as RecordColumnName[]).filter((name) =>
      shape.columns.some((column) => column.name === name),
    )
    this.#fields = shape.columns.filter(({ name }) => !isRecordColumn(name))
    this.#lines = new RowLines(this.#own, this.#fields.length > 0)
  }

  /** Makes the tables, empty. `path` is for the spool: a file that nobody else uses. Rejects with `EngineFault` where `time` is no SQL. */
  static async create(session: EngineSession, shape: RowTableShape, path: string): Promise<RowTable> {
    const table = new RowTable(session, shape, path)
    const columns = shape.columns.map(({ name, type }) => `${quotedName(name)} ${typeOf(name, type)}`)
    const own = Object.entries(spoolColumns).map(([name, type]) => `${name} ${type}`)
    const held = quotedName(shape.held)
    await session.run(`CREATE OR REPLACE TEMP TABLE ${held} (${[...columns, ...own].join(', ')})`)
    if (shape.time !== undefined) {
      await session.run(`SELECT (${shape.time})::TIMESTAMP FROM ${held}`)
      await session.run(`ALTER TABLE ${held} ADD COLUMN millrace_time TIMESTAMP`)
    }
    await session.run(
      `CREATE OR REPLACE TEMP VIEW ${quotedName(shape.relation)} AS SELECT ${table.#shown()} FROM ${held}`,
    )
    return table
  }

  /** Bytes of records that wait to be loaded. */
  get waitingBytes(): number {
    return this.#lines.bytes
  }

  /** Adds a record to the next load. */
  add(record: StreamRecord, shard: number): void {
    const reason = this.#lines.add(record, shard)
    if (reason === undefined) return
    this.#refused.push({ shard, sequenceNumber: record.sequenceNumber, reason: `The payload is ${reason}.` })
  }

  /** Ends what the next load reads: records that are added later are for the one after it. Called once before each load, or not at all. */
  seal(): void {
    const { count, longest } = this.#lines
    this.#sealed = { count, longest, refused: this.#refused, lines: this.#lines.take() }
    this.#refused = []
  }

  /** Reads what was added into the table `fresh`, in the place of what it had. */
  async load(): Promise<LoadedRows> {
    if (this.#sealed === undefined) this.seal()
    const { count, longest, refused, lines } = this.#sealed!
    this.#sealed = undefined
    await writeFile(this.#path, lines)
    try {
      await this.#read('from_json(millrace_payload, ', longest)
    } catch (error) {
      // One payload that does not parse fails them all: then each is looked at first.
      if (!(error instanceof EngineFault) || error.code !== 'convert') throw error
      await this.#read(
        'from_json(CASE WHEN json_valid(millrace_payload) THEN millrace_payload END, ',
        longest,
      )
    }
    const bad = await this.#session.rows(
      `SELECT millrace_shard AS shard, millrace_sequence AS sequence, millrace_bad AS bad FROM ${this.fresh} WHERE millrace_bad IS NOT NULL`,
    )
    if (bad.length > 0) {
      await this.#session.run(`DELETE FROM ${this.fresh} WHERE millrace_bad IS NOT NULL`)
      for (const { shard, sequence, bad: column } of bad) refused.push(refusedRow(shard, sequence, column))
    }
    return { count: count - bad.length, refused }
  }

  /** Name of the table of the last load, as SQL writes it: the columns, those of `spoolColumns`, and `millrace_time`. */
  get fresh(): string {
    return quotedName(`${this.shape.held}_fresh`)
  }

  /** Keeps rows of the last load: those for which `where`, SQL over the table `fresh`, is true. */
  async keep(where = 'true'): Promise<void> {
    const held = quotedName(this.shape.held)
    await this.#session.run(
      `INSERT INTO ${held} SELECT * EXCLUDE (millrace_bad) FROM ${this.fresh} WHERE ${where}`,
    )
  }

  async #read(parsed: string, longest: number): Promise<void> {
    const hasFields = this.#fields.length > 0
    const shape = JSON.stringify(
      Object.fromEntries(this.#fields.map(({ name, type }) => [name, isMoment(type) ? 'TIMESTAMPTZ' : type])),
    )
    const typeOfField = new Map(this.#fields.map(({ name, type }) => [name, type]))
    const lines = linesSql({ path: this.#path, columns: this.#own, hasPayload: hasFields, longest })
    const from = hasFields
      ? `(SELECT *, ${parsed}${quotedText(shape)}) AS millrace_row FROM ${lines})`
      : lines
    const bad = hasFields ? this.#badSql() : 'NULL::VARCHAR'
    const columns = this.shape.columns.map(({ name }) =>
      isRecordColumn(name)
        ? `${recordColumns[name].sql} AS ${quotedName(name)}`
        : `${fieldSql(name, typeOfField.get(name)!)} AS ${quotedName(name)}`,
    )
    const all = [...columns, ...Object.keys(spoolColumns), `${bad} AS millrace_bad`].join(', ')
    const time = this.shape.time === undefined ? '' : `, (${this.shape.time})::TIMESTAMP AS millrace_time`
    const rows = `SELECT ${all} FROM ${from}`
    await this.#session.run(
      `CREATE OR REPLACE TEMP TABLE ${this.fresh} AS ${time === '' ? rows : `SELECT *${time} FROM (${rows})`}`,
    )
  }

  /** SQL for the first column that is null although the payload has a value for it; '' where the payload does not parse. */
  #badSql(): string {
    const checks = this.#fields.map(({ name }) => {
      const path = quotedText(`$.${JSON.stringify(name)}`)
      // Cases are looked at in order, and each only where those before it do not hold: a value that is there costs nothing.
      const isThere = `coalesce(json_type(millrace_payload, ${path}), 'NULL') <> 'NULL'`
      return `WHEN millrace_row.${quotedName(name)} IS NULL THEN CASE WHEN ${isThere} THEN ${quotedText(name)} END`
    })
    const each = checks.map((check) => `CASE ${check} END`)
    const first = each.length === 1 ? each[0]! : `coalesce(${each.join(', ')})`
    return `CASE WHEN millrace_row IS NULL THEN '' ELSE ${first} END`
  }

  #shown(): string {
    const names = this.shape.columns.map(({ name }) => quotedName(name))
    return names.length > 0 ? names.join(', ') : 'true AS millrace_row'
  }
}

/** A time without a zone is one of UTC; a cast of a text to it would pass over the zone that the text has. */
function fieldSql(name: string, type: string): string {
  const field = `millrace_row.${quotedName(name)}`
  return isMoment(type) ? `${field}::${type}` : field
}

function isMoment(type: string): boolean {
  return /^(TIMESTAMP|DATETIME)(_S|_MS|_NS)?$/i.test(type)
}

function typeOf(name: string, type: string): string {
  return isRecordColumn(name) ? recordColumns[name].type : type
}

function refusedRow(shard: unknown, sequence: unknown, column: unknown): RefusedRow {
  const at = { shard: Number(shard), sequenceNumber: Number(sequence) }
  const name = String(column)
  if (name === '') return { ...at, reason: 'The payload is no JSON object.' }
  return { ...at, column: name, reason: `The value of ${name} is not of its type.` }
}
