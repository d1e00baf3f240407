// How many rows of all groups together are being stored. Runs in the controller. Groups wait here for their turn, in the order
// of asking, before the store would refuse them: after a start, hundreds of groups have thousands of shards to assign at once.

interface Waiting {
  readonly rows: number
  readonly begin: () => void
}

export class RowBudget {
  readonly #rowsMax: number
  #rows = 0
  readonly #waiting: Waiting[] = []

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax
  }

  /** Runs `store` when there is room for its rows, or nothing else is being stored. */
  async run<T>(rows: number, store: () => Promise<T>): Promise<T> {
    if (this.#waiting.length > 0 || !this.#fits(rows)) {
      await new Promise<void>((begin) => this.#waiting.push({ rows, begin }))
    } else this.#rows += rows
    try {
      return await store()
    } finally {
      this.#rows -= rows
      this.#beginNext()
    }
  }

  #fits(rows: number): boolean {
    return this.#rows === 0 || this.#rows + rows <= this.#rowsMax
  }

  #beginNext(): void {
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0]!.rows)) {
      const { rows, begin } = this.#waiting.shift()!
      this.#rows += rows
      begin()
    }
  }
}
