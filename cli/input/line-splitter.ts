// Bytes in, lines out, without decoding: a record must come back as the bytes that went in. Pure.
// Only the line feed ends a line; a carriage return before it is data like any other byte.

const LINE_FEED = 10

export class LineTooLong extends Error {
  override readonly name = 'LineTooLong'
}

/** Cuts chunks into lines. Holds at most one unfinished line, which may not grow past `lineBytesMax`. */
export class LineSplitter {
  readonly #lineBytesMax: number
  #pieces: Uint8Array[] = []
  #pieceBytes = 0

  constructor(options: { lineBytesMax: number }) {
    this.#lineBytesMax = options.lineBytesMax
  }

  /** The lines that end in this chunk, without their line feeds; views on the chunk where they lie in it whole. */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      yield this.#complete(chunk.subarray(start, end))
      start = end + 1
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start))
  }

  /** The last line, where the input does not end with a line feed. */
  *end(): Generator<Uint8Array> {
    if (this.#pieceBytes > 0) yield this.#complete(new Uint8Array(0))
  }

  #keep(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#pieceBytes += piece.length
    this.#check(this.#pieceBytes)
  }

  #complete(last: Uint8Array): Uint8Array {
    this.#check(this.#pieceBytes + last.length)
    if (this.#pieces.length === 0) return last
    this.#pieces.push(last)
    const line = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#pieceBytes = 0
    return line
  }

  #check(bytes: number): void {
    if (bytes > this.#lineBytesMax) {
      throw new LineTooLong(`longer than ${this.#lineBytesMax} bytes, the most that a record holds`)
    }
  }
}
