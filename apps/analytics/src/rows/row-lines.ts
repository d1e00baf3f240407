// Records as lines of a spool that DuckDB reads as CSV: fields in front of the payload, which is last and stays as it is. Pure but for its
// buffer. JSON has no control characters but in escapes, so that one of them can separate fields, and a line feed lines.
import { isUtf8 } from 'node:buffer'
import type { StreamRecord } from 'millrace'
import { recordColumns, spoolColumns, type RecordColumnName } from './record-columns.ts'

/** Between fields. */
export const SEPARATOR = '\u001f'

const SEPARATOR_BYTE = 0x1f
const LINE_FEED = 0x0a
const RETURN = 0x0d
const BRACE = 0x7b

/** Bytes of the first buffer; it doubles. */
const FIRST_BYTES = 64 * 1024

const BUFFER_BYTES = 1024 * 1024

/** Why a payload is no row. */
export type PayloadFault = 'no JSON object' | 'no UTF-8'

/** Lines of one spool. Records that cannot be a line are refused by what they are. */
export class RowLines {
  readonly #fields: readonly ((record: StreamRecord) => string)[]
  readonly #hasPayload: boolean
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #spare = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #bytes = 0
  #count = 0
  #longest = 0

  /** `columns` of the record by itself, in the order of the table; `hasPayload` where fields of the payload are read. */
  constructor(columns: readonly RecordColumnName[], hasPayload: boolean) {
    this.#fields = columns.flatMap((name) => recordColumns[name].spool ?? [])
    this.#hasPayload = hasPayload
  }

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of the longest line. */
  get longest(): number {
    return this.#longest
  }

  /** Adds a record; returns why it is none. */
  add(record: StreamRecord, shardNumber: number): PayloadFault | undefined {
    const { bytes } = record
    const hasBreaks = this.#hasPayload && (bytes.includes(LINE_FEED) || bytes.includes(RETURN))
    if (this.#hasPayload) {
      const fault = faultOf(bytes, hasBreaks)
      if (fault !== undefined) return fault
    }
    let head = `${shardNumber}${SEPARATOR}${record.sequenceNumber}${SEPARATOR}${record.arrivalTime.getTime()}`
    for (const field of this.#fields) head += SEPARATOR + field(record)
    // A character of UTF-16 has at most three bytes of UTF-8.
    this.#reserve(head.length * 3 + bytes.length + 2)
    const buffer = this.#buffer
    let at = this.#bytes
    at += buffer.write(head, at, this.#fields.length === 0 ? 'latin1' : 'utf8')
    if (this.#hasPayload) {
      buffer[at++] = SEPARATOR_BYTE
      buffer.set(bytes, at)
      at += bytes.length
      if (hasBreaks) {
        // Only between values, as a line feed in a text is no JSON: faultOf has looked.
        for (let i = at - bytes.length; i < at; i++)
          if (buffer[i] === LINE_FEED || buffer[i] === RETURN) buffer[i] = 0x20
      }
    }
    buffer[at++] = LINE_FEED
    this.#longest = Math.max(this.#longest, at - this.#bytes)
    this.#bytes = at
    this.#count++
    return undefined
  }

  /** Gives the lines, which are good until the next call, and begins anew. */
  take(): Uint8Array {
    const lines = this.#buffer.subarray(0, this.#bytes)
    const spare = this.#spare
    this.#spare = this.#buffer
    this.#buffer = spare
    this.#bytes = this.#count = this.#longest = 0
    return lines
  }

  #reserve(bytes: number): void {
    const wanted = this.#bytes + bytes
    if (wanted <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.#buffer.length))
    this.#buffer.copy(larger, 0, 0, this.#bytes)
    this.#buffer = larger
  }
}

function faultOf(bytes: Uint8Array, hasBreaks: boolean): PayloadFault | undefined {
  let first = 0
  while (first < bytes.length && isBlank(bytes[first]!)) first++
  if (bytes[first] !== BRACE || bytes.includes(SEPARATOR_BYTE)) return 'no JSON object'
  if (!isUtf8(bytes)) return 'no UTF-8'
  if (!hasBreaks) return undefined
  try {
    JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
    return undefined
  } catch {
    return 'no JSON object'
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === LINE_FEED || byte === RETURN || byte === 0x09
}

/** A spool of lines. */
export interface LinesFile {
  readonly path: string
  readonly columns: readonly RecordColumnName[]
  readonly hasPayload: boolean
  /** Bytes of its longest line. */
  readonly longest: number
}

/** SQL that reads a spool: a table function. Of every field but those of `spoolColumns` it gives the text. */
export function linesSql({ path, columns, hasPayload, longest }: LinesFile): string {
  const types = [
    ...Object.entries(spoolColumns).map(([name, type]) => `'${name}': '${type}'`),
    ...columns
      .filter((name) => recordColumns[name].spool !== undefined)
      .map((name) => `'${name}': 'VARCHAR'`),
    ...(hasPayload ? [`'millrace_payload': 'VARCHAR'`] : []),
  ].join(', ')
  const form = [
    `columns = {${types}}`,
    `delim = '${SEPARATOR}'`,
    `quote = ''`,
    `escape = ''`,
    `new_line = '\\n'`,
    'header = false',
    'auto_detect = false',
    `max_line_size = ${Math.max(longest, 1024)}`,
    // What a thread takes at a time. Left out, it is sixteen of the longest lines.
    `buffer_size = ${Math.max(BUFFER_BYTES, 2 * longest)}`,
  ].join(', ')
  return `read_csv('${path.replaceAll("'", "''")}', ${form})`
}
