// Reads records with their partition keys from an input of lines or NDJSON. Pure but for the stream it reads.
// A record's data is the bytes of its line, never re-encoded, so that a reader gets the same bytes.
import { limits } from '../../protocol/limits.ts'
import { InvalidRecord } from './invalid-record.ts'
import { jsonMember } from './json-member.ts'
import { LineSplitter } from './line-splitter.ts'

export interface InputRecord {
  readonly partitionKey: string
  readonly data: Uint8Array
}

/** A line that is not a record. The caller decides whether to stop at it. */
export interface InvalidLine {
  /** Number of the line, from 1. */
  readonly line: number
  readonly reason: string
  /** True if the start of the next record is unknown: the rest of this input is not read. */
  readonly endsReading?: true
}

/** The records and invalid lines of a piece of input, in order. */
export type InputItems = readonly (InputRecord | InvalidLine)[]

export type RecordReader = (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<InputItems>

export function isInvalid(item: InputRecord | InvalidLine): item is InvalidLine {
  return 'reason' in item
}

/** Returns the key of a line, or throws InvalidRecord. */
type KeyOf = (line: Uint8Array) => string

/** Reads every line as a record, with a key from `nextKey`. */
export function readLines(options: { nextKey: () => string }): RecordReader {
  return byLine(options.nextKey, { skipBlank: false })
}

/**
 * Reads every line as a JSON object, one field of which is the key. A string's key is its value; a number's key is its
 * digits in the source, so that 1 and 1.0 are different keys, and so are two ids with the same double. Blank lines are
 * skipped, as NDJSON allows.
 */
export function readNdjson(options: { keyField: string }): RecordReader {
  const { keyField } = options
  const where = `field ${keyField}`
  return byLine(
    (line) => {
      const text = utf8(line)
      checkJson(text)
      const source = jsonMember(text, keyField)
      return checkedKey(source === undefined ? undefined : keyOfJson(source, where), where)
    },
    { skipBlank: true },
  )
}

/** Keeps byte order marks, since the mark of the file is removed before. */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Decodes UTF-8. Throws InvalidRecord if the bytes are not UTF-8; `what` begins the reason. */
export function utf8(bytes: Uint8Array, what = ''): string {
  try {
    return strict.decode(bytes)
  } catch {
    throw new InvalidRecord(`${what}not UTF-8 text`)
  }
}

function checkJson(text: string): void {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    if (text.startsWith('\ufeff')) throw new InvalidRecord('a byte order mark stands before the JSON value')
    if (text.includes('\0')) throw new InvalidRecord('not a JSON value: it holds NUL bytes, as UTF-16 does')
    throw new InvalidRecord('not a JSON value')
  }
  if (typeof value !== 'object' || value === null) throw new InvalidRecord('not a JSON object')
}

function keyOfJson(source: string, where: string): string | undefined {
  const first = source[0]
  if (first === '{' || first === '[') throw new InvalidRecord(`${where} is not a string or a number`)
  if (source === 'null') return undefined
  return first === '"' ? (JSON.parse(source) as string) : source
}

/** Returns a partition key of the input, or throws InvalidRecord if it is missing or invalid. */
export function checkedKey(key: string | undefined, where: string): string {
  if (key === undefined) throw new InvalidRecord(`no ${where}`)
  if (key === '') throw new InvalidRecord(`${where} is empty`)
  if (key.length > limits.partitionKeyLengthMax) {
    throw new InvalidRecord(`${where} is longer than ${limits.partitionKeyLengthMax} characters`)
  }
  if (/\p{Cs}/u.test(key)) {
    throw new InvalidRecord(`${where} holds half of a surrogate pair, which UTF-8 has no bytes for`)
  }
  return key
}

const TOO_LONG = `longer than ${limits.recordBytesMax} bytes, the most that a record holds with its key`

/** Throws InvalidRecord if data and key together exceed the limit of a record. */
export function checkedRecord(record: InputRecord): InputRecord {
  const bytes = record.data.length + Buffer.byteLength(record.partitionKey)
  if (bytes > limits.recordBytesMax) throw new InvalidRecord(TOO_LONG)
  return record
}

function byLine(keyOf: KeyOf, options: { skipBlank: boolean }): RecordReader {
  return async function* (chunks) {
    const splitter = new LineSplitter({ lineBytesMax: limits.recordBytesMax })
    let lineNumber = 0
    const itemsOf = (lines: Iterable<Uint8Array | undefined>): InputItems => {
      const items: (InputRecord | InvalidLine)[] = []
      for (const data of lines) {
        lineNumber++
        if (data === undefined) {
          items.push({ line: lineNumber, reason: TOO_LONG })
          continue
        }
        if (options.skipBlank && isBlank(data)) continue
        try {
          items.push(checkedRecord({ partitionKey: keyOf(data), data }))
        } catch (error) {
          if (!(error instanceof InvalidRecord)) throw error
          items.push({ line: lineNumber, reason: error.message })
        }
      }
      return items
    }
    for await (const chunk of chunks) yield itemsOf(splitter.push(chunk))
    yield itemsOf(splitter.end())
  }
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 32 || byte === 9 || byte === 13)
}
