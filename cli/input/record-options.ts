// Chooses the record reader by the options of `produce`. Pure. Refuses options that contradict each other.
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

/** `spreadingKeys` makes keys for lines without one. Throws Failure (usage) for options that contradict each other. */
export function recordReaderOf(options: RecordOptions, spreadingKeys: () => string): RecordReader {
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
  return readLines({ nextKey: key === undefined ? spreadingKeys : () => key })
}

/**
 * Makes keys for records without one. Keys are unique over all inputs of a run and over runs, so that the records of every
 * run are spread over all shards. `run` is random.
 */
export function spreadingKeysOf(run: string): () => string {
  let count = 0
  return () => `${run}-${++count}`
}

/** Parses the delimiter. It must be an ASCII character, whose byte is never a part of another character in UTF-8. */
function delimiterOf(text: string): string {
  if (text === '\\t') return '\t'
  if (/^[\t -~]$/.test(text) && text !== '"') return text
  throw new Failure(
    `--delimiter ${text} is not one ASCII character: give one like ; or \\t for a tab.`,
    'usage',
  )
}
