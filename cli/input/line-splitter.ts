// Splits bytes into lines without decoding: a record must be read as the same bytes that were appended. Pure.
// Only the line feed ends a line; a carriage return before it is data like any other byte.

const LINE_FEED = 10

/** Splits chunks into lines. Holds at most one unfinished line, and nothing of a line that is too long. */
export class LineSplitter {
  readonly #lineBytesMax: number
  #pieces: Uint8Array[] = []
  #pieceBytes = 0
  /** True inside a line that was yielded as undefined: its bytes are dropped up to its end. */
  #isSkipping = false

  constructor(options: { lineBytesMax: number }) {
    this.#lineBytesMax = options.lineBytesMax
  }

  /**
   * Yields the lines that end in this chunk, without line feeds, as views if the chunk holds the whole line. A line longer
   * than `lineBytesMax` is yielded as undefined, as soon as it exceeds the limit.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array | undefined> {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      const rest = chunk.subarray(start, end)
      start = end + 1
      if (this.#isSkipping) this.#isSkipping = false
      else if (this.#pieceBytes + rest.length <= this.#lineBytesMax) yield this.#complete(rest)
      else yield this.#drop()
    }
    if (start === chunk.length || this.#isSkipping) return
    this.#pieces.push(chunk.subarray(start))
    this.#pieceBytes += chunk.length - start
    if (this.#pieceBytes <= this.#lineBytesMax) return
    this.#isSkipping = true
    yield this.#drop()
  }

  /** Yields the last line if the input does not end with a line feed. */
  *end(): Generator<Uint8Array> {
    if (this.#pieceBytes > 0) yield this.#complete(new Uint8Array(0))
  }

  #complete(last: Uint8Array): Uint8Array {
    if (this.#pieces.length === 0) return last
    const line = Buffer.concat([...this.#pieces, last])
    this.#drop()
    return line
  }

  #drop(): undefined {
    this.#pieces = []
    this.#pieceBytes = 0
  }
}
