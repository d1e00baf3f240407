// From the bytes of a CSV file to records: one a row, keyed by a column. Pure but for the stream it reads.
// A record's data is the row as it stands in the file, quotes and all, unless JSON is asked for.
import { parse } from 'csv-parse'
import { Readable } from 'node:stream'
import { limits } from '../../protocol/limits.ts'
import { Failure } from '../failure.ts'
import {
  checkedKey,
  checkedRecord,
  InvalidRecord,
  type InputRecord,
  type InvalidLine,
  type RecordReader,
} from './record-reader.ts'

export interface CsvOptions {
  readonly keyColumn: string
  readonly delimiter: string
  /** The data is an object of the columns instead of the row. */
  readonly asJson: boolean
}

const ROWS_AT_ONCE = 512

/** Every row after the heading is a record. Throws Failure where the heading lacks the key column. */
export function readCsv(options: CsvOptions): RecordReader {
  return async function* (chunks) {
    // The parser runs ahead of us, and skips a malformed row rather than losing the good ones before it: what it skipped
    // takes its place among the rows by its line.
    const skipped: InvalidLine[] = []
    const rows = Readable.from(withoutByteOrderMark(chunks)).pipe(csvParser(options, skipped))
    let items: (InputRecord | InvalidLine)[] = []
    try {
      for await (const row of rows as AsyncIterable<CsvRow>) {
        while (skipped[0] !== undefined && skipped[0].line < row.info.lines) items.push(skipped.shift()!)
        items.push(itemOf(row, options))
        if (items.length < ROWS_AT_ONCE) continue
        yield items
        items = []
      }
    } catch (error) {
      // Past the largest record, the next row cannot be found any more.
      if (!isCsvProblem(error)) throw error
      skipped.push(skippedRow(error))
    }
    yield [...items, ...skipped]
  }
}

interface CsvRow {
  readonly raw: string
  readonly record: Readonly<Record<string, string>>
  readonly info: { readonly lines: number }
}

/** Latin-1 maps each byte to one character and back, so that a row's bytes survive the parser; keys are read as UTF-8. */
function csvParser({ keyColumn, delimiter }: CsvOptions, skipped: InvalidLine[]) {
  return parse({
    columns: (heading: string[]) => checkedHeading(heading.map(utf8), keyColumn),
    delimiter,
    encoding: 'latin1',
    info: true,
    max_record_size: limits.recordBytesMax,
    on_skip: (error) => void skipped.push(skippedRow(error)),
    raw: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
  })
}

function checkedHeading(heading: string[], keyColumn: string): string[] {
  if (heading.includes(keyColumn)) return heading
  throw new Failure(`There is no column ${keyColumn} among ${heading.join(', ')}.`, 'usage')
}

function itemOf({ raw, record, info }: CsvRow, { keyColumn, asJson }: CsvOptions): InputRecord | InvalidLine {
  try {
    return checkedRecord({
      partitionKey: checkedKey(utf8(record[keyColumn] ?? ''), `column ${keyColumn}`),
      data: asJson ? jsonOf(record) : rowBytes(raw),
    })
  } catch (error) {
    if (!(error instanceof InvalidRecord)) throw error
    return { line: info.lines, reason: error.message }
  }
}

type CsvProblem = Error & { code?: string; lines?: number }

/** After these the parser has come to the end of the input, wherever the row was meant to end. */
const lastProblems = new Set(['CSV_QUOTE_NOT_CLOSED', 'CSV_MAX_RECORD_SIZE'])

function isCsvProblem(error: unknown): error is CsvProblem {
  return error instanceof Error && String((error as { code?: unknown }).code).startsWith('CSV_')
}

function skippedRow(error: CsvProblem | undefined): InvalidLine {
  return {
    line: error?.lines ?? 0,
    reason: error?.message ?? 'not a CSV row',
    ...(lastProblems.has(error?.code ?? '') && { endsReading: true }),
  }
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}

function rowBytes(raw: string): Uint8Array {
  return Buffer.from(raw.replace(/^[\r\n]+|[\r\n]+$/g, ''), 'latin1')
}

function jsonOf(record: Readonly<Record<string, string>>): Uint8Array {
  const columns = Object.entries(record).map(([name, value]) => [name, utf8(value)])
  return Buffer.from(JSON.stringify(Object.fromEntries(columns)))
}

async function* withoutByteOrderMark(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let first = true
  for await (const chunk of chunks) {
    const marked = first && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf
    yield marked ? chunk.subarray(3) : chunk
    first = false
  }
}
