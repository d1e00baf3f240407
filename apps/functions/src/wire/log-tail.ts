// The end of a call's log, as Lambda gives it with an answer. Pure.

const TAIL_BYTES_MAX = 4096

export class LogTail {
  readonly #lines: string[] = []
  #bytes = 0

  add(line: string): void {
    this.#lines.push(line)
    this.#bytes += Buffer.byteLength(line) + 1
    while (this.#lines.length > 1 && this.#bytes - sizeOf(this.#lines[0]!) >= TAIL_BYTES_MAX) {
      this.#bytes -= sizeOf(this.#lines.shift()!)
    }
  }

  /** The last bytes, in Base64. */
  base64(): string {
    const all = Buffer.from(this.#lines.map((line) => `${line}\n`).join(''))
    return all.subarray(-TAIL_BYTES_MAX).toString('base64')
  }
}

function sizeOf(line: string): number {
  return Buffer.byteLength(line) + 1
}
