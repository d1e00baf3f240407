// Which way of reading records the options of produce ask for. Pure. Options that contradict each other are refused.
import { Failure } from '../failure.ts'
import { readCsv } from './csv-reader.ts'
import { readLines, readNdjson, type RecordReader } from './record-reader.ts'

export interface RecordOptions {
  readonly key?: string
  readonly keyField?: string
  readonly keyColumn?: string
  readonly delimiter: string
  readonly asJson?: true
}

export function recordReaderOf(options: RecordOptions): RecordReader {
  const { key, keyField, keyColumn, delimiter, asJson } = options
  if ([key, keyField, keyColumn].filter((option) => option !== undefined).length > 1) {
    throw new Failure('--key, --key-field and --key-column exclude each other: give one of them.', 'usage')
  }
  if (asJson === true && keyColumn === undefined) {
    throw new Failure('--as-json needs --key-column: it is for CSV.', 'usage')
  }
  if (keyColumn !== undefined) {
    return readCsv({ keyColumn, delimiter: delimiterOf(delimiter), asJson: asJson === true })
  }
  if (keyField !== undefined) return readNdjson({ keyField })
  return readLines({ partitionKey: key })
}

/** One byte in every encoding, which no row can hold for another reason. */
function delimiterOf(text: string): string {
  if (text === '\\t') return '\t'
  if (/^[\t -~]$/.test(text) && text !== '"') return text
  throw new Failure(
    `--delimiter ${text} is not one ASCII character: give one like ; or \\t for a tab.`,
    'usage',
  )
}
