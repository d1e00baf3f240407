// Records become rows of a table. Runs in the app, over a session of DuckDB. A batch is spooled to a file, read into a table of its own
// (`fresh`), where its owner looks at it, and kept in the table of rows that are held. What cannot be a row is told, with the reason.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { StreamRecord } from 'millrace'
import { EngineFault, type EngineSession } from '../engine/index.ts'
import { isRecordColumn, recordColumns, spoolColumns, type RecordColumnName } from './record-columns.ts'
import { exactLines, type PayloadFault } from './exact-lines.ts'
import { exactLinesSql, jsonLinesSql, type Spool } from './lines-sql.ts'
import { RowLines, type TakenLines } from './row-lines.ts'
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

/** Loads after one that was not plain JSON, until another is tried as such. */
const EXACT_LOADS = 7

export interface RowTableOptions {
  /** Whether `fresh` has its rows in the order of shard and sequence number; else shards lie among each other as records came. */
  readonly isOrdered?: boolean
}

/** Rows of one input. Loads come one after the other; records may be added meanwhile, to the next one. */
export class RowTable {
  readonly shape: RowTableShape
  readonly #session: EngineSession
  readonly #path: string
  readonly #own: readonly RecordColumnName[]
  readonly #fields: ReadonlyMap<string, string>
  readonly #lines: RowLines
  #refused: RefusedRow[] = []
  #sealed: SealedLines | undefined
  #exactLoads = 0

  private constructor(
    session: EngineSession,
    shape: RowTableShape,
    { path, isOrdered }: { readonly path: string; readonly isOrdered: boolean },
  ) {
    this.#session = session
    this.shape = shape
    this.#path = path
    this.#own = (Object.keys(recordColumns) as RecordColumnName[]).filter((name) =>
      shape.columns.some((column) => column.name === name),
    )
    const fields = shape.columns.filter(({ name }) => !isRecordColumn(name))
    this.#fields = new Map(fields.map(({ name, type }) => [name, isMoment(type) ? 'TIMESTAMPTZ' : type]))
    this.#lines = new RowLines(this.#own, { hasPayload: fields.length > 0, isOrdered })
  }

  /** Makes the tables, empty. `path` is for the spool: a file that nobody else uses. Rejects with `EngineFault` where `time` is no SQL. */
  static async create(
    session: EngineSession,
    shape: RowTableShape,
    path: string,
    { isOrdered = false }: RowTableOptions = {},
  ): Promise<RowTable> {
    const table = new RowTable(session, shape, { path, isOrdered })
    const columns = shape.columns.map(({ name, type }) => `${quotedName(name)} ${typeOf(name, type)}`)
    const own = Object.entries(spoolColumns).map(([name, type]) => `${name} ${type}`)
    const held = quotedName(shape.held)
    await session.run(`CREATE OR REPLACE TEMP TABLE ${held} (${[...columns, ...own].join(', ')})`)
    if (shape.time !== undefined) {
      await session.run(`SELECT (${shape.time})::TIMESTAMP FROM ${held}`)
      await session.run(`ALTER TABLE ${held} ADD COLUMN millrace_time TIMESTAMP`)
    }
    await table.show()
    return table
  }

  /** Has the view show rows of a table or SELECT that has the columns; without it those that are held. */
  async show(rows = quotedName(this.shape.held)): Promise<void> {
    await this.#session.run(
      `CREATE OR REPLACE TEMP VIEW ${quotedName(this.shape.relation)} AS SELECT ${this.#shown()} FROM ${rows}`,
    )
  }

  /** Bytes of records that wait to be loaded. */
  get waitingBytes(): number {
    return this.#lines.bytes
  }

  /** Adds a record to the next load. */
  add(record: StreamRecord, shard: number): void {
    this.#add(record, shard, record.arrivalTime.getTime())
  }

  /** Adds the records of a batch as it was appended, which came together. */
  addBatch(records: readonly StreamRecord[], shard: number): void {
    const arrival = records[0]?.arrivalTime.getTime() ?? 0
    for (const record of records) this.#add(record, shard, arrival)
  }

  /** Ends what the next load reads: records that are added later are for the one after it. Called once before each load, or not at all. */
  seal(): void {
    this.#sealed = { lines: this.#lines.take(), refused: this.#refused }
    this.#refused = []
  }

  /** Reads what was added into the table `fresh`, in the place of what it had. */
  load(): Promise<LoadedRows> {
    return this.#load({ into: `CREATE OR REPLACE TEMP TABLE ${this.fresh} AS`, isAdded: false })
  }

  /** Reads what was added straight into the table of rows that are held, which is less work than `load` and `keep`. */
  loadKept(): Promise<LoadedRows> {
    return this.#load({ into: `INSERT INTO ${quotedName(this.shape.held)} BY NAME`, isAdded: true })
  }

  /** Name of the table of the last load, as SQL writes it: the columns, those of `spoolColumns`, and `millrace_time`. */
  get fresh(): string {
    return quotedName(`${this.shape.held}_fresh`)
  }

  /** Keeps rows of the last load: those for which `where`, SQL over the table `fresh`, is true. Returns how many. */
  async keep(where = 'true'): Promise<number> {
    const held = quotedName(this.shape.held)
    const [kept] = await this.#session.rows(
      `INSERT INTO ${held} BY NAME SELECT * FROM ${this.fresh} WHERE ${where}`,
    )
    return Number(kept!['Count'])
  }

  #add(record: StreamRecord, shard: number, arrival: number): void {
    if (this.#lines.add(record, shard, arrival)) return
    this.#refused.push({ shard, sequenceNumber: record.sequenceNumber, reason: reasonOf('no JSON object') })
  }

  async #load(target: Target): Promise<LoadedRows> {
    if (this.#sealed === undefined) this.seal()
    const { lines, refused } = this.#sealed!
    this.#sealed = undefined
    if (this.#exactLoads === 0) {
      if (await this.#loadJson(lines, target)) return { count: lines.count, refused }
      this.#exactLoads = EXACT_LOADS
    } else this.#exactLoads--
    const faulty = await this.#loadExact(lines, target)
    return { count: lines.count - faulty.length, refused: [...refused, ...faulty] }
  }

  /** Reads all lines as JSON of the right types; returns false, and has read none, where one is not. */
  async #loadJson(lines: TakenLines, target: Target): Promise<boolean> {
    await writeOver(this.#path, lines.pieces)
    const from = jsonLinesSql(this.#spoolOf(lines.longest))
    const rows = this.#withTime(`SELECT ${this.#columnsSql('')} FROM ${from}`)
    try {
      // A payload that has a line feed may have made two lines of one. A line of its own it has in any case.
      return await this.#put(target, lines.isUnsorted ? `${rows}${ORDER}` : rows, lines.count)
    } catch (error) {
      if (this.#fields.size > 0 && isOfPayload(error)) return false
      throw error
    }
  }

  /** Looks at each line by itself. Returns those that are no rows. */
  async #loadExact(lines: TakenLines, target: Target): Promise<readonly RefusedRow[]> {
    const { bytes, faulty } = exactLines(lines)
    await writeOver(this.#path, [bytes])
    const checked = quotedName(`${this.shape.held}_checked`)
    const check = (isChecked: boolean): Promise<void> =>
      this.#session.run(
        `CREATE OR REPLACE TEMP TABLE ${checked} AS SELECT ${this.#columnsSql('millrace_row.')}, ${this.#badSql()} AS millrace_bad FROM ${exactLinesSql(this.#spoolOf(lines.longest), { isChecked })}`,
      )
    try {
      await check(false)
    } catch (error) {
      // One payload that does not parse fails them all.
      if (!isOfPayload(error)) throw error
      await check(true)
    }
    const bad = await this.#session.rows(
      `SELECT millrace_shard AS shard, millrace_sequence AS sequence, millrace_bad AS bad FROM ${checked} WHERE millrace_bad IS NOT NULL`,
    )
    const good = `SELECT * EXCLUDE (millrace_bad) FROM ${checked} WHERE millrace_bad IS NULL`
    const isUnsorted = lines.isUnsorted || lines.pieces.length > 1
    await this.#put(target, isUnsorted ? `${this.#withTime(good)}${ORDER}` : this.#withTime(good))
    await this.#session.run(`DROP TABLE ${checked}`)
    return [
      ...faulty.map(({ fault, ...at }) => ({ ...at, reason: reasonOf(fault) })),
      ...bad.map(({ shard, sequence, bad: column }) => refusedRow(shard, sequence, column)),
    ]
  }

  /** Puts rows of SQL into the target. Returns false, and has put none, where they are not as many as are awaited. */
  async #put({ into, isAdded }: Target, rows: string, awaited?: number): Promise<boolean> {
    const isRight = async (): Promise<boolean> => {
      const [put] = await this.#session.rows(`${into} ${rows}`)
      return awaited === undefined || put?.['Count'] === awaited
    }
    if (!isAdded || awaited === undefined) return isRight()
    await this.#session.run('BEGIN TRANSACTION')
    let isKept = false
    try {
      return (isKept = await isRight())
    } finally {
      await this.#session.run(isKept ? 'COMMIT' : 'ROLLBACK')
    }
  }

  #spoolOf(longest: number): Spool {
    return { path: this.#path, longest, columns: this.#own, fields: this.#fields }
  }

  /** SQL of the columns and of those of `spoolColumns`, over what reads a spool; `fields` is where it has those of payloads. */
  #columnsSql(fields: string): string {
    const columns = this.shape.columns.map(({ name, type }) => {
      const value = isRecordColumn(name)
        ? recordColumns[name].sql
        : fieldSql(`${fields}${quotedName(name)}`, type)
      return `${value} AS ${quotedName(name)}`
    })
    return [...columns, ...Object.keys(spoolColumns)].join(', ')
  }

  #withTime(rows: string): string {
    const { time } = this.shape
    return time === undefined ? rows : `SELECT *, (${time})::TIMESTAMP AS millrace_time FROM (${rows})`
  }

  /** SQL for the first column that is null although the payload has a value for it; '' where the payload does not parse. */
  #badSql(): string {
    const checks = [...this.#fields.keys()].map((name) => {
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

/** What a load reads. */
interface SealedLines {
  readonly lines: TakenLines
  /** Records that were refused as they were added. */
  readonly refused: readonly RefusedRow[]
}

/** Where rows are loaded into. */
interface Target {
  readonly into: string
  /** Whether other rows are there. */
  readonly isAdded: boolean
}

const ORDER = ' ORDER BY millrace_shard, millrace_sequence'

/** Makes a file of these pieces. One that is there is written over: its pages are kept, which is half of the work. */
async function writeOver(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT)
  try {
    const total = pieces.reduce((sum, { length }) => sum + length, 0)
    let { bytesWritten: at } = await file.writev(pieces, 0)
    // A disk that is nearly full takes less, and refuses the rest.
    const rest = at < total ? Buffer.concat(pieces) : undefined
    while (rest !== undefined && at < total) at += (await file.write(rest, at, total - at, at)).bytesWritten
    await file.truncate(total)
  } finally {
    await file.close()
  }
}

/**
 * A time without a zone is one of UTC; a cast of a text to it would pass over the zone that the text has. The last moments that there are
 * cannot be cast, not even by TRY_CAST: they are NULL. The cast asks a calendar for each value: most times are made without it.
 */
function fieldSql(field: string, type: string): string {
  if (!isMoment(type)) return field
  const cast = `TRY(${field}::${type})`
  if (!/^(TIMESTAMP|DATETIME)$/i.test(type)) return cast
  return `CASE WHEN ${field} BETWEEN TIMESTAMPTZ '0001-01-01 00:00:00Z' AND TIMESTAMPTZ '9999-12-31 23:59:59Z' THEN make_timestamp(epoch_us(${field})) ELSE ${cast} END`
}

function isMoment(type: string): boolean {
  return /^(TIMESTAMP|DATETIME)(_S|_MS|_NS)?$/i.test(type)
}

function typeOf(name: string, type: string): string {
  return isRecordColumn(name) ? recordColumns[name].type : type
}

function reasonOf(fault: PayloadFault): string {
  return `The payload is ${fault}.`
}

function refusedRow(shard: unknown, sequence: unknown, column: unknown): RefusedRow {
  const at = { shard: Number(shard), sequenceNumber: Number(sequence) }
  const name = String(column)
  if (name === '') return { ...at, reason: reasonOf('no JSON object') }
  return { ...at, column: name, reason: `The value of ${name} is not of its type.` }
}

/** Whether an error says that a payload is not what the columns say. The spool is the file that it may name. */
function isOfPayload(error: unknown): boolean {
  return error instanceof EngineFault && (error.code === 'convert' || error.code === 'file')
}
