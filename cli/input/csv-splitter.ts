// Splits bytes into CSV rows without decoding: a row is returned as its bytes in the file (RFC 4180: a field may be quoted,
// and a quote inside quotes is doubled). Outside quotes a row ends at LF, CRLF or CR, and a file may mix them. Pure. The
// result does not depend on where the input is cut into chunks.
import { limits } from '../../protocol/limits.ts'

const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const QUOTE = 34

/** A row of the file. */
export interface CsvRow {
  /** Number of the line in which the row begins, from 1. */
  readonly line: number
  /** The row's bytes in the file, without the line end. A view on the chunk if the chunk holds the whole row. */
  readonly bytes: Uint8Array
  readonly fieldCount: number
  /** The value of a field, without its quotes. */
  field(index: number): Uint8Array
}

/** A row that cannot be read. */
export interface CsvProblem {
  readonly line: number
  readonly reason: string
  /** True if the start of the next row is unknown: nothing follows this problem. */
  readonly endsReading?: true
}

const TOO_LONG = `longer than ${limits.recordBytesMax} bytes, the most that a record holds with its key`

/** `skipping`: the row is already reported as a problem, and its bytes are dropped up to its end. */
type State = 'fieldStart' | 'unquoted' | 'quoted' | 'afterQuote' | 'skipping' | 'ended'

/** Splits chunks into rows. Holds at most one unfinished row, and nothing of a row that is too long. */
export class CsvSplitter {
  readonly #delimiter: number
  #state: State = 'fieldStart'
  /** Bytes from the start of the unfinished row on; `#at` is the next byte to examine. */
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  /** Start and end of each finished field of the row. */
  #bounds: number[] = []
  #fieldStart = 0
  #line = 1
  /** Line ends inside the quotes of the unfinished row. */
  #linesInside = 0
  /** True if the last row ended with a carriage return: a line feed right after it belongs to it. */
  #endedWithReturn = false

  /** `delimiter` is a byte other than a quote or a line end. */
  constructor(options: { delimiter: number }) {
    this.#delimiter = options.delimiter
  }

  /** Yields the rows that end in this chunk, and problems as soon as they are found, in order. Empty rows are left out. */
  *push(chunk: Uint8Array): Generator<CsvRow | CsvProblem, void, undefined> {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    while (this.#at < this.#bytes.length && this.#state !== 'ended') {
      const item = this.#step(this.#bytes[this.#at]!)
      if (item !== undefined) yield item
    }
    if (this.#state === 'skipping' || this.#state === 'ended') this.#drop(this.#bytes.length)
  }

  /** Yields the last row if the input does not end with a line end. */
  *end(): Generator<CsvRow | CsvProblem, void, undefined> {
    if (this.#state === 'quoted') yield this.#unreadable('a quote is never closed')
    const row = this.#row()
    if (row !== undefined) yield row
  }

  #step(byte: number): CsvRow | CsvProblem | undefined {
    if (this.#state === 'quoted') return this.#insideQuotes()
    if (this.#endedWithReturn) {
      this.#endedWithReturn = false
      if (byte === LINE_FEED) return this.#drop(1)
    }
    if (byte === LINE_FEED || byte === CARRIAGE_RETURN) return this.#lineEnd(byte)
    const at = this.#at++
    if (this.#state === 'skipping') return undefined
    if (byte === QUOTE && this.#state !== 'unquoted') {
      // The second of two quotes continues the quoted field.
      this.#state = 'quoted'
      return undefined
    }
    if (at >= limits.recordBytesMax) return this.#skipped(TOO_LONG)
    if (byte === this.#delimiter) {
      this.#bounds.push(this.#fieldStart, at)
      this.#fieldStart = at + 1
      this.#state = 'fieldStart'
      return undefined
    }
    if (this.#state === 'afterQuote') return this.#unreadable('text stands behind a closing quote')
    this.#state = 'unquoted'
    return byte === QUOTE
      ? this.#skipped('a quote stands in a field that does not begin with one')
      : undefined
  }

  #insideQuotes(): CsvProblem | undefined {
    const quote = this.#bytes.indexOf(QUOTE, this.#at)
    const end = quote === -1 ? this.#bytes.length : quote
    if (quote > limits.recordBytesMax - 1 || end > limits.recordBytesMax) {
      return this.#unreadable(`in quotes, and ${TOO_LONG}`)
    }
    this.#linesInside += lineEndsIn(this.#bytes, this.#at, end)
    this.#at = end
    if (quote === -1) return undefined
    this.#at++
    this.#state = 'afterQuote'
    return undefined
  }

  #lineEnd(byte: number): CsvRow | undefined {
    const row = this.#state === 'skipping' ? undefined : this.#row()
    this.#endedWithReturn = byte === CARRIAGE_RETURN
    this.#line += 1 + this.#linesInside
    this.#linesInside = 0
    this.#state = 'fieldStart'
    this.#drop(this.#at + 1)
    return row
  }

  /** Returns the row that ends before the current byte. */
  #row(): CsvRow | undefined {
    if (this.#at === 0) return undefined
    const bytes = this.#bytes.subarray(0, this.#at)
    const bounds = this.#bounds
    bounds.push(this.#fieldStart, this.#at)
    return {
      line: this.#line,
      bytes,
      fieldCount: bounds.length / 2,
      field: (index) => unquoted(bytes.subarray(bounds[2 * index], bounds[2 * index + 1])),
    }
  }

  /** Skips to the next line end, which ends the row for certain, since no quotes are open. */
  #skipped(reason: string): CsvProblem {
    this.#state = 'skipping'
    return { line: this.#line, reason }
  }

  #unreadable(reason: string): CsvProblem {
    this.#state = 'ended'
    this.#drop(this.#bytes.length)
    return { line: this.#line, reason, endsReading: true }
  }

  /** Drops `count` bytes and the state of their row. */
  #drop(count: number): undefined {
    this.#bytes = this.#bytes.subarray(count)
    this.#at = 0
    this.#bounds = []
    this.#fieldStart = 0
    return undefined
  }
}

/** Number of line ends between two indexes; CRLF counts once. */
function lineEndsIn(bytes: Uint8Array, start: number, end: number): number {
  let count = 0
  for (let at = start; at < end; at++) {
    if (bytes[at] === CARRIAGE_RETURN) count++
    else if (bytes[at] === LINE_FEED && bytes[at - 1] !== CARRIAGE_RETURN) count++
  }
  return count
}

function unquoted(field: Uint8Array): Uint8Array {
  if (field[0] !== QUOTE) return field
  const inner = field.subarray(1, -1)
  if (!inner.includes(QUOTE)) return inner
  const text = new Uint8Array(inner.length)
  let length = 0
  for (let at = 0; at < inner.length; at++) {
    text[length++] = inner[at]!
    if (inner[at] === QUOTE) at++
  }
  return text.subarray(0, length)
}
