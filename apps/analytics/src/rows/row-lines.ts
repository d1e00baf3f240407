// Records as lines of JSON, each the record's payload with what else is known of it in front of its first field. Pure but for its buffers.
//
//   {"~row":[shard,arrival,sequence]   made of the record; `ROW_KEY`
//   ,"~partition_key":"…"              one of each column of the record by itself that is read
//   ,␠␠                                room for what `exactLines` writes there
//   "page":"/a", … }                   the payload behind its brace; without fields that are read, a brace alone
//
// What a payload is, is not looked at here, but for its first and last character: DuckDB's parser does it for all of them at once, and only
// where it refuses one is each looked at.
import type { StreamRecord } from 'millrace'
import { spoolKeyOf, recordColumns, ROW_KEY, type RecordColumnName } from './record-columns.ts'

const LINE_FEED = 0x0a
const RETURN = 0x0d
const TAB = 0x09
const SPACE = 0x20
const BRACE = 0x7b
const BRACE_END = 0x7d
const COMMA = 0x2c
const ZERO = 0x30
const NINE = 0x39

/** Bytes of the first buffer; it doubles. */
const FIRST_BYTES = 64 * 1024
const FIRST_LINES = 256

/** Bytes between the record's own part of a line and its payload. */
export const GAP_BYTES = 3

/** Lines of one shard, one behind the other. */
interface Run {
  readonly shard: number
  /** Index of its first line. */
  readonly line: number
  /** Index behind its last line. */
  end: number
  readonly first: number
  last: number
}

/** Lines to be loaded. Their bytes are good until the next call of `take`. */
export interface TakenLines {
  /** In the order in which they were added. */
  readonly bytes: Buffer
  readonly count: number
  /** Bytes of the longest line. */
  readonly longest: number
  /** By line, two numbers: where it begins, and where the payload does behind its brace. One more pair is the end. */
  readonly places: Uint32Array
  /** The same bytes in the order that they are to have; one where it is that of `bytes`. */
  readonly pieces: readonly Uint8Array[]
  /** Whether lines that are to be in the order of shard and sequence number are not, as pieces. */
  readonly isUnsorted: boolean
}

/** Lines that are being added. */
export class RowLines {
  readonly #fields: readonly { readonly key: string; readonly json: (record: StreamRecord) => string }[]
  readonly #hasPayload: boolean
  readonly #isOrdered: boolean
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #places = new Uint32Array(2 * FIRST_LINES)
  #spare = { buffer: Buffer.allocUnsafeSlow(FIRST_BYTES), places: new Uint32Array(2 * FIRST_LINES) }
  #bytes = 0
  #count = 0
  #longest = 0
  #runs: Run[] = []
  #isUnsorted = false
  readonly #head = new LineHead()

  /**
   * `columns` of the record by itself; `hasPayload` where fields of the payload are read. `isOrdered` puts the lines of each shard together
   * when they are taken.
   */
  constructor(
    columns: readonly RecordColumnName[],
    { hasPayload, isOrdered }: { readonly hasPayload: boolean; readonly isOrdered: boolean },
  ) {
    this.#fields = columns.flatMap((name) => {
      const { spool } = recordColumns[name]
      return spool === undefined ? [] : [{ key: `,${JSON.stringify(spoolKeyOf(name))}:`, json: spool.json }]
    })
    this.#hasPayload = hasPayload
    this.#isOrdered = isOrdered
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Adds a record, which came at `arrival`; returns false where its payload cannot be an object of JSON, and adds nothing. */
  add(record: StreamRecord, shard: number, arrival: number): boolean {
    const { bytes, sequenceNumber } = record
    let begin = 0
    let end = bytes.length
    if (this.#hasPayload) {
      while (isBlank(bytes[end - 1])) end--
      while (isBlank(bytes[begin])) begin++
      if (bytes[begin] !== BRACE || bytes[end - 1] !== BRACE_END) return false
    }
    let own = ''
    for (const { key, json } of this.#fields) own += key + json(record)
    const head = this.#head.of(shard, arrival, sequenceNumber)
    const start = this.#bytes
    // A character of UTF-16 has at most three bytes of UTF-8.
    this.#reserve(head.length + own.length * 3 + GAP_BYTES + (end - begin) + 2)
    const buffer = this.#buffer
    buffer.set(head, start)
    let at = start + head.length
    if (own !== '') at += buffer.write(own, at, 'utf8')
    if (this.#hasPayload) {
      buffer[at] = COMMA
      buffer[at + 1] = SPACE
      at += GAP_BYTES
    }
    this.#places[2 * this.#count] = start
    this.#places[2 * this.#count + 1] = at
    if (this.#hasPayload) {
      // With its brace, so that no view of the rest is made.
      const isWhole = begin === 0 && end === bytes.length
      buffer.set(isWhole ? bytes : bytes.subarray(begin, end), at - 1)
      buffer[at - 1] = SPACE
      at += end - begin - 1
    } else buffer[at++] = BRACE_END
    buffer[at++] = LINE_FEED
    this.#longest = Math.max(this.#longest, at - start)
    this.#bytes = at
    if (this.#isOrdered) this.#note(shard, sequenceNumber)
    this.#count++
    return true
  }

  /** Gives the lines, and begins anew. */
  take(): TakenLines {
    const count = this.#count
    const places = this.#places
    places[2 * count] = places[2 * count + 1] = this.#bytes
    const bytes = this.#buffer.subarray(0, this.#bytes)
    const runs = inOrder(this.#runs)
    const lines: TakenLines = {
      bytes,
      count,
      longest: this.#longest,
      places: places.subarray(0, 2 * count + 2),
      pieces:
        runs.length > 1
          ? runs.map(({ line, end }) => bytes.subarray(places[2 * line], places[2 * end]))
          : [bytes],
      isUnsorted: this.#isUnsorted || runs.some((run, i) => i > 0 && isBehind(run, runs[i - 1]!)),
    }
    const { buffer, places: sparePlaces } = this.#spare
    this.#spare = { buffer: this.#buffer, places }
    this.#buffer = buffer
    this.#places = sparePlaces
    this.#bytes = this.#count = this.#longest = 0
    this.#runs = []
    this.#isUnsorted = false
    return lines
  }

  #note(shard: number, sequenceNumber: number): void {
    const run = this.#runs.at(-1)
    if (run?.shard !== shard) {
      const [line, first] = [this.#count, sequenceNumber]
      this.#runs.push({ shard, line, end: line + 1, first, last: first })
      return
    }
    if (sequenceNumber <= run.last) this.#isUnsorted = true
    run.last = sequenceNumber
    run.end = this.#count + 1
  }

  #reserve(bytes: number): void {
    // One pair is that of the end.
    if (2 * this.#count + 4 > this.#places.length) {
      const larger = new Uint32Array(2 * this.#places.length)
      larger.set(this.#places)
      this.#places = larger
    }
    const wanted = this.#bytes + bytes
    if (wanted <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.#buffer.length))
    this.#buffer.copy(larger, 0, 0, this.#bytes)
    this.#buffer = larger
  }
}

/** Puts those of each shard together, in the order of their sequence numbers. */
function inOrder(runs: readonly Run[]): readonly Run[] {
  return runs.toSorted((a, b) => a.shard - b.shard || a.first - b.first)
}

function isBehind(run: Run, before: Run): boolean {
  return run.shard === before.shard && run.first <= before.last
}

/** The begin of a line. Of records one behind the other only the end of the number changes. */
class LineHead {
  #bytes = Buffer.alloc(0)
  #shard = -1
  #arrival = -1
  #sequence = -1

  /** The bytes are good until the next call. */
  of(shard: number, arrival: number, sequence: number): Uint8Array {
    const isNext = sequence === this.#sequence + 1 && shard === this.#shard && arrival === this.#arrival
    this.#sequence = sequence
    if (isNext && this.#count()) return this.#bytes
    this.#shard = shard
    this.#arrival = arrival
    this.#bytes = Buffer.from(`{"${ROW_KEY}":[${shard},${arrival},${sequence}]`, 'latin1')
    return this.#bytes
  }

  /** Adds one to the number before the bracket. Returns false where it gets longer. */
  #count(): boolean {
    const bytes = this.#bytes
    let at = bytes.length - 2
    while (bytes[at] === NINE) bytes[at--] = ZERO
    if (bytes[at] === COMMA) return false
    bytes[at]!++
    return true
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB
}
