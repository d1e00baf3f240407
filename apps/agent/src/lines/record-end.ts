// Where a record ends that is longer than a buffer: takes its bytes piece by piece, and keeps only the beginning of the line at hand.
// Pure. It finds the end that `frame` would find if it had all the bytes.
import { MATCHED_BYTES_MAX, type LinePatterns } from './line-patterns.ts'

const LINE_FEED = 0x0a

export class RecordEnd {
  readonly #patterns: LinePatterns
  /** The beginning of the line at hand, where patterns decide. */
  #line: Uint8Array = new Uint8Array(0)
  #lineBytes = 0
  #isFirstLine = true
  #seen = 0

  constructor(patterns: LinePatterns) {
    this.#patterns = patterns
  }

  /** Bytes of the record that were taken. */
  get seen(): number {
    return this.#seen
  }

  /** Takes the next bytes of the record. Returns how long the record is, counted from its beginning, once its end was found. */
  take(bytes: Uint8Array): number | undefined {
    return this.#patterns.areAbsent
      ? this.#takeLine(bytes)
      : this.#patterns.within(() => this.#takeLines(bytes))
  }

  #takeLine(bytes: Uint8Array): number | undefined {
    const lineFeed = bytes.indexOf(LINE_FEED)
    const before = this.#seen
    this.#seen += bytes.length
    return lineFeed === -1 ? undefined : before + lineFeed + 1
  }

  #takeLines(bytes: Uint8Array): number | undefined {
    for (let at = 0; ;) {
      const lineFeed = bytes.indexOf(LINE_FEED, at)
      const end = lineFeed === -1 ? bytes.length : lineFeed
      this.#keep(bytes.subarray(at, end))
      if (lineFeed === -1) {
        this.#seen += bytes.length - at
        return undefined
      }
      const lineStart = this.#seen + (end - at) - this.#lineBytes
      const found = this.#endAt(lineStart, lineStart + this.#lineBytes + 1)
      if (found !== undefined) return found
      this.#seen += end + 1 - at
      at = end + 1
      this.#line = new Uint8Array(0)
      this.#lineBytes = 0
      this.#isFirstLine = false
    }
  }

  /** Decides about a complete line. */
  #endAt(lineStart: number, lineEnd: number): number | undefined {
    const patterns = this.#patterns
    if (!this.#isFirstLine && (patterns.endsFile(this.#line) || patterns.opensRecord(this.#line)))
      return lineStart
    return patterns.areMultiLine ? undefined : lineEnd
  }

  #keep(bytes: Uint8Array): void {
    this.#lineBytes += bytes.length
    const room = MATCHED_BYTES_MAX - this.#line.length
    if (room <= 0 || bytes.length === 0) return
    const kept = new Uint8Array(this.#line.length + Math.min(room, bytes.length))
    kept.set(this.#line)
    kept.set(bytes.subarray(0, room), this.#line.length)
    this.#line = kept
  }
}
