// From the bytes of a CSV file to records: one a row, keyed by a column. Pure but for the stream it reads.
// A record's data is the row as it stands in the file, quotes and all, unless JSON is asked for.
import { parse } from 'csv-parse'
import { Readable } from 'node:stream'
import { limits } from '../../protocol/limits.ts'
import { Failure } from '../failure.ts'
import {
  checkedKey,
  InvalidRecord,
  type InputBatch,
  type InvalidLine,
  type RecordReader,
} from './record-reader.ts'

const CSV_BATCH_ROWS = 512

/**
 * Every row after the heading is a record, keyed by one column. Its data is the row as it stands in the file, without its
 * line ending, or with `asJson` an object of the columns.
 */
export function readCsv(options: { keyColumn: string; delimiter: string; asJson: boolean }): RecordReader {
  return async function* (chunks) {
    let batch: InputBatch = { records: [], invalid: [] }
    // Latin-1 maps each byte to one character and back, so that a row's bytes survive the parser; keys are read as UTF-8.
    const parser = Readable.from(withoutByteOrderMark(chunks)).pipe(
      parse({
        bom: false,
        columns: (heading: string[]) => checkedHeading(heading.map(utf8), options.keyColumn),
        delimiter: options.delimiter,
        encoding: 'latin1',
        info: true,
        max_record_size: limits.recordBytesMax,
        raw: true,
        skip_empty_lines: true,
        skip_records_with_error: true,
        on_skip: (error) => void batch.invalid.push(invalidRow(error)),
      }),
    )
    try {
      for await (const row of parser as AsyncIterable<CsvRow>) {
        try {
          batch.records.push({
            partitionKey: checkedKey(
              utf8(row.record[options.keyColumn] ?? ''),
              `column ${options.keyColumn}`,
            ),
            data: options.asJson ? jsonOf(row.record) : rowBytes(row.raw),
          })
        } catch (error) {
          if (!(error instanceof InvalidRecord)) throw error
          batch.invalid.push({ line: row.info.lines, reason: error.message })
        }
        if (batch.records.length + batch.invalid.length < CSV_BATCH_ROWS) continue
        yield batch
        batch = { records: [], invalid: [] }
      }
    } catch (error) {
      // Past the largest record, the next row cannot be found any more.
      if (!isCsvError(error)) throw error
      batch.invalid.push(invalidRow(error))
    }
    yield batch
  }
}

interface CsvRow {
  readonly raw: string
  readonly record: Readonly<Record<string, string>>
  readonly info: { readonly lines: number }
}

function invalidRow(error: CsvProblem | undefined): InvalidLine {
  return { line: error?.lines ?? 0, reason: error?.message ?? 'not a CSV row' }
}

type CsvProblem = Error & { lines?: number }

function isCsvError(error: unknown): error is CsvProblem {
  return error instanceof Error && String((error as { code?: unknown }).code).startsWith('CSV_')
}

function checkedHeading(heading: string[], keyColumn: string): string[] {
  if (heading.includes(keyColumn)) return heading
  throw new Failure(`There is no column ${keyColumn} among ${heading.join(', ')}.`, 'usage')
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}

function rowBytes(raw: string): Uint8Array {
  return Buffer.from(raw.replace(/^[\r\n]+|[\r\n]+$/g, ''), 'latin1')
}

function jsonOf(record: Readonly<Record<string, string>>): Uint8Array {
  return Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(record).map(([k, v]) => [k, utf8(v)]))))
}

async function* withoutByteOrderMark(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let first = true
  for await (const chunk of chunks) {
    const marked = first && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf
    yield marked ? chunk.subarray(3) : chunk
    first = false
  }
}
