// Bytes that all requests together may hold in memory. Pure.

/** A count of bytes up to a limit. */
export class ByteBudget {
  readonly #max: number
  #held = 0

  constructor(max: number) {
    this.#max = max
  }

  get held(): number {
    return this.#held
  }

  /** Counts the bytes as held, or says that they are too many. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#max) return false
    this.#held += bytes
    return true
  }

  /** Counts bytes that are there anyway, such as those of an answer: what comes after them is refused the earlier. */
  force(bytes: number): void {
    this.#held += bytes
  }

  give(bytes: number): void {
    this.#held -= bytes
  }
}
