// How much one fetch may answer: records and their bytes. Runs in the client, pure.

/** Counts records against bounds. The first record is admitted whatever its size, so that a reader always comes on. */
export class RecordRoom {
  readonly #recordsMax: number
  readonly #bytesMax: number
  #records = 0
  #bytes = 0
  #isFull = false

  constructor({ recordsMax, bytesMax }: { readonly recordsMax: number; readonly bytesMax: number }) {
    this.#recordsMax = recordsMax
    this.#bytesMax = bytesMax
  }

  /** True once a record was refused, or no other would be admitted: those that follow are refused too. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Counts a record of so many bytes, and returns true, if there is room for it. */
  admits(bytes: number): boolean {
    if (this.#isFull) return false
    if (this.#records > 0 && this.#bytes + bytes > this.#bytesMax) {
      this.#isFull = true
      return false
    }
    this.#records++
    this.#bytes += bytes
    this.#isFull = this.#records >= this.#recordsMax || this.#bytes >= this.#bytesMax
    return true
  }
}
