// Reads records from a CSV file: one per row, keyed by a column. Pure but for the stream it reads.
// A record's data is the row's bytes in the file, quotes included, unless JSON is requested. The heading, the key and every
// column of JSON must be UTF-8; other fields may be any bytes.
import { Failure } from '../failure.ts'
import { countOf } from '../output/amounts.ts'
import { checkedHeading, type Heading } from './csv-heading.ts'
import { CsvSplitter, type CsvProblem, type CsvRow } from './csv-splitter.ts'
import { InvalidRecord } from './invalid-record.ts'
import {
  checkedKey,
  checkedRecord,
  utf8,
  type InputItems,
  type InputRecord,
  type InvalidLine,
  type RecordReader,
} from './record-reader.ts'

export interface CsvOptions {
  readonly keyColumn: string
  /** The separator of columns, one ASCII character. */
  readonly delimiter: string
  /** True if the data is a JSON object of the columns instead of the row's bytes. */
  readonly asJson: boolean
}

/** Reads every row after the heading as a record. Throws Failure if the heading is unreadable or ambiguous. */
export function readCsv(options: CsvOptions): RecordReader {
  return async function* (chunks) {
    const splitter = new CsvSplitter({ delimiter: options.delimiter.charCodeAt(0) })
    let heading: Heading | undefined
    const itemsOf = (rows: Iterable<CsvRow | CsvProblem>): InputItems => {
      const items: (InputRecord | InvalidLine)[] = []
      for (const row of rows) {
        if (heading === undefined) heading = headingOf(row, options)
        else items.push('reason' in row ? row : itemOf(row, heading))
      }
      return items
    }
    for await (const chunk of chunks) yield itemsOf(splitter.push(chunk))
    yield itemsOf(splitter.end())
  }
}

function headingOf(row: CsvRow | CsvProblem, options: CsvOptions): Heading {
  if ('reason' in row) throw new Failure(`The heading in line ${row.line} cannot be read: ${row.reason}.`)
  try {
    const names = Array.from({ length: row.fieldCount }, (_, index) => utf8(row.field(index)))
    return checkedHeading(names, options)
  } catch (error) {
    if (!(error instanceof InvalidRecord)) throw error
    throw new Failure(`The heading in line ${row.line} cannot be read: ${error.message}.`)
  }
}

function itemOf(row: CsvRow, { names, keyIndex, jsonNames }: Heading): InputRecord | InvalidLine {
  try {
    if (row.fieldCount !== names.length) {
      throw new InvalidRecord(`${countOf(row.fieldCount, 'field')}, where the heading has ${names.length}`)
    }
    const where = `column ${names[keyIndex]!}`
    return checkedRecord({
      partitionKey: checkedKey(utf8(row.field(keyIndex), `${where} is `), where),
      data: jsonNames === undefined ? row.bytes : jsonOf(row, names, jsonNames),
    })
  } catch (error) {
    if (!(error instanceof InvalidRecord)) throw error
    return { line: row.line, reason: error.message }
  }
}

/** Writes JSON member by member: a JavaScript object would sort names that are numbers, and treats `__proto__` specially. */
function jsonOf(row: CsvRow, names: readonly string[], jsonNames: readonly string[]): Uint8Array {
  const members = jsonNames.map((name, index) => {
    const value = utf8(row.field(index), `column ${names[index]!} is `)
    return `${name}:${JSON.stringify(value)}`
  })
  return Buffer.from(`{${members.join(',')}}`)
}
