// From the bytes of an input to records: lines and NDJSON, each with its partition key. Pure but for the stream it reads.
// A record's data is the bytes of its line, never a re-encoding: what goes in comes back out.
import { limits } from '../../protocol/limits.ts'
import { LineSplitter } from './line-splitter.ts'

export interface InputRecord {
  readonly partitionKey: string
  readonly data: Uint8Array
}

/** A line that is no record. The caller decides whether that ends the work. */
export interface InvalidLine {
  /** Counted from 1. */
  readonly line: number
  readonly reason: string
  /** Where the next record begins cannot be known: nothing of this input after it was read. */
  readonly endsReading?: true
}

/** What a piece of input came to, in its order. */
export type InputItems = readonly (InputRecord | InvalidLine)[]

export type RecordReader = (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<InputItems>

export function isInvalid(item: InputRecord | InvalidLine): item is InvalidLine {
  return 'reason' in item
}

/** Gives the key of a line, or throws InvalidRecord. */
type KeyOf = (line: Uint8Array, lineNumber: number) => string

export class InvalidRecord extends Error {
  override readonly name = 'InvalidRecord'
}

/** Every line is a record. Without a key of their own, lines are spread over the shards by their number. */
export function readLines(options: { partitionKey: string | undefined }): RecordReader {
  const { partitionKey } = options
  return byLine(partitionKey === undefined ? (_, lineNumber) => String(lineNumber) : () => partitionKey, {
    skipBlank: false,
  })
}

/** Every line is a JSON object, one field of which is the key. Blank lines are skipped, as NDJSON allows. */
export function readNdjson(options: { keyField: string }): RecordReader {
  const path = options.keyField.split('.')
  const decoder = new TextDecoder('utf-8', { fatal: true })
  return byLine(
    (line) => {
      let value: unknown
      try {
        value = JSON.parse(decoder.decode(line))
      } catch {
        throw new InvalidRecord('not a JSON value')
      }
      return checkedKey(fieldOf(value, options.keyField, path), `field ${options.keyField}`)
    },
    { skipBlank: true },
  )
}

function fieldOf(value: unknown, name: string, path: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null) throw new InvalidRecord('not a JSON object')
  // A name with a dot in it goes before a path through nested objects.
  if (Object.hasOwn(value, name)) return (value as Record<string, unknown>)[name]
  let at: unknown = value
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<string, unknown>)[step]
  }
  return at
}

/** A partition key from a value of the input. Throws InvalidRecord. */
export function checkedKey(value: unknown, where: string): string {
  if (value === undefined || value === null) throw new InvalidRecord(`no ${where}`)
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    throw new InvalidRecord(`${where} is not a string or a number`)
  }
  const key = String(value)
  if (key === '') throw new InvalidRecord(`${where} is empty`)
  if (key.length > limits.partitionKeyLengthMax) {
    throw new InvalidRecord(`${where} is longer than ${limits.partitionKeyLengthMax} characters`)
  }
  return key
}

const TOO_LONG = `longer than ${limits.recordBytesMax} bytes, the most that a record holds with its key`

/** Throws InvalidRecord where data and key are more than a record holds. */
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
          items.push(checkedRecord({ partitionKey: keyOf(data, lineNumber), data }))
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
