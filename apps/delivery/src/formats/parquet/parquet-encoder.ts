// Objects in Parquet: the spool is lines of JSON, which DuckDB turns into columns when the object is due. A whole spool at once is the fast
// way; only where DuckDB refuses it are the records found that do not fit, each of which becomes an error, and the others are written.
import { stat } from 'node:fs/promises'
import type { EncodedObject, ObjectEncoder, RefusedRecord, Spooled } from '../../engine/object-encoder.ts'
import { fileContent } from '../kept-content.ts'
import { RecordsRefused, withParquetWriter, type ParquetWriter } from './duckdb.ts'
import { jsonLines } from './json-lines.ts'
import { foundByTrial, parsed, RefusedLines, sifted, trialIn, type NumberedLine } from './refused-lines.ts'
import { checkedColumns, type CheckedColumn } from './schema.ts'
import {
  copyStatement,
  misfitsStatement,
  readEmptyLines,
  readLines,
  rowGroupRows,
  type ParquetFormat,
  type Sample,
} from './statements.ts'

/** Returns an encoder of a format whose columns are checked. */
export function parquetEncoder(format: ParquetFormat, now: () => number): ObjectEncoder {
  const columns = format.columns === undefined ? undefined : checkedColumns(format.columns)
  return {
    extension: '.parquet',
    isSelective: true,
    add: jsonLines(columns?.map(({ name }) => name) ?? []),
    finish: (spooled, signal) =>
      withParquetWriter(async (writer) => {
        const { file, refused } = await new Conversion(format, columns, spooled, writer, signal).result()
        const endedAt = now()
        return {
          content: file === undefined ? undefined : fileContent(file, (await stat(file)).size),
          failed: refused.map((line) => failure(line, endedAt)),
        } satisfies EncodedObject
      }, signal),
  }
}

interface Converted {
  /** Undefined where no record is left. */
  readonly file: string | undefined
  readonly refused: readonly NumberedLine[]
}

/** One spool on its way to Parquet. */
class Conversion {
  readonly #format: ParquetFormat
  readonly #columns: readonly CheckedColumn[] | undefined
  readonly #spooled: Spooled
  readonly #writer: ParquetWriter
  readonly #signal: AbortSignal
  readonly #refused = new RefusedLines()

  constructor(
    format: ParquetFormat,
    columns: readonly CheckedColumn[] | undefined,
    spooled: Spooled,
    writer: ParquetWriter,
    signal: AbortSignal,
  ) {
    this.#format = format
    this.#columns = columns
    this.#spooled = spooled
    this.#writer = writer
    this.#signal = signal
  }

  async result(): Promise<Converted> {
    const lines = await this.#spooled.toFile()
    let file = await this.#written(lines, 'first')
    // Types are those of all records, where the first ones do not tell them.
    if (file === undefined && this.#columns === undefined) file = await this.#written(lines, 'all')
    if (file !== undefined) return { file, refused: [] }
    return this.#writtenWithoutRefused(lines)
  }

  async #writtenWithoutRefused(lines: string): Promise<Converted> {
    let left = lines
    for (const sift of [() => this.#parsed(left), () => this.#fitting(left), () => this.#tried(left)]) {
      const before = this.#refused.all.length
      const { path, kept } = await sift()
      left = path
      if (kept === 0) return { file: undefined, refused: this.#refused.all }
      const file = this.#refused.all.length === before ? undefined : await this.#written(left, 'all')
      if (file !== undefined) return { file, refused: this.#refused.all }
    }
    // Each record is taken alone, and not all of them together.
    throw new RecordsRefused(await this.#refusalOf(left))
  }

  /** Returns the path of what was written; undefined where the records are refused. */
  async #written(lines: string, sample: Sample): Promise<string | undefined> {
    const to = this.#spooled.scratch('parquet')
    const { records, bytes } = this.#spooled
    const rows = rowGroupRows(this.#format.rowGroupBytes, records, bytes)
    const copied = (table: string) => this.#writer.rows(copyStatement(table, to, this.#format, rows))
    try {
      await copied(readLines(lines, this.#columns, sample))
      return to
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!(error instanceof RecordsRefused)) throw error
      if (!error.isWithoutFields) return undefined
    }
    await copied(readEmptyLines(lines))
    return to
  }

  #parsed(lines: string) {
    const columns = this.#columns && new Set(this.#columns.map(({ name }) => name))
    return this.#sifted(lines, (line) => parsed(line, (key) => columns?.has(key) ?? true))
  }

  async #fitting(lines: string) {
    const statement = this.#columns === undefined ? undefined : misfitsStatement(lines, this.#columns)
    const misfits = new Map<number, string>()
    try {
      const rows = statement === undefined ? [] : await this.#writer.rows(statement)
      for (const [line, column] of rows) misfits.set(Number(line), String(column))
    } catch (error) {
      // A line that is refused for something else keeps the others from being read: all are tried.
      if (!(error instanceof RecordsRefused)) throw error
    }
    const types = new Map(this.#columns?.map(({ name, type }) => [name, type.sql]))
    return this.#sifted(lines, (data, number) => {
      const column = misfits.get(number)
      if (column === undefined) return undefined
      return { data, message: `its value of ${JSON.stringify(column)} is no ${types.get(column)}` }
    })
  }

  async #tried(lines: string) {
    const trial = trialIn(this.#spooled.scratch('tried'), async (path) => {
      const message = await this.#refusalOf(path)
      return message === '' ? undefined : message
    })
    const found = await foundByTrial(lines, trial, this.#signal)
    return this.#sifted(lines, (data, number) => {
      const message = found.get(number)
      return message === undefined ? undefined : { data, message }
    })
  }

  /** Returns why the lines of a file are refused; '' where they are not. */
  async #refusalOf(path: string): Promise<string> {
    const table = readLines(path, this.#columns, 'all')
    try {
      await this.#writer.rows(`SELECT max(hash(COLUMNS(*))) FROM ${table}`)
      return ''
    } catch (error) {
      if (error instanceof RecordsRefused) return error.isWithoutFields ? '' : told(error.message)
      throw error
    }
  }

  async #sifted(lines: string, judge: Parameters<typeof sifted>[2]) {
    const path = this.#spooled.scratch('lines')
    const { kept, refused } = await sifted(lines, path, judge, this.#signal)
    this.#refused.add(refused)
    return { path, kept }
  }
}

/** What DuckDB says of records, without what it says of files and of its own options. */
function told(message: string): string {
  const [first = ''] = message.split('\n')
  return first
    .replace(/^.*? Error: /, '')
    .replace(/ in file ".*?"(?:, (?:at byte \d+ )?in (?:line|record\/value) \d+)?/, '')
}

function failure({ data, message, number }: NumberedLine, endedAt: number): RefusedRecord {
  return {
    line: number,
    type: 'format-conversion-failed',
    rawData: data,
    attemptsMade: 1,
    code: 'DataFormatConversion.ParseError',
    message: `The record does not fit into Parquet: ${message.replace(/\.$/, '')}.`,
    endedAt,
  }
}
