// Who holds a place of a bounded number, and who makes room. Runs on the main thread of every process that listens, pure.
// A comer always gets a place: that of the one that has been idle for longest. One that is being served is never taken, unless
// all are.

export class Places<T> {
  readonly #max: number
  /** In the order in which they became idle. */
  readonly #idle = new Set<T>()
  readonly #served = new Set<T>()

  constructor(max: number) {
    this.#max = max
  }

  /** Gives `comer` a place; returns the one that lost its own for it. */
  take(comer: T): T | undefined {
    const isFull = this.#idle.size + this.#served.size >= this.#max
    const loser: T | undefined = isFull ? (first(this.#idle) ?? first(this.#served)) : undefined
    if (loser !== undefined) this.leave(loser)
    this.#idle.add(comer)
    return loser
  }

  /** `holder` is being served until the returned function is called. */
  use(holder: T): () => void {
    if (!this.#idle.delete(holder)) return () => {}
    this.#served.add(holder)
    return () => {
      if (this.#served.delete(holder)) this.#idle.add(holder)
    }
  }

  leave(holder: T): void {
    this.#idle.delete(holder)
    this.#served.delete(holder)
  }
}

function first<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item
  return undefined
}
