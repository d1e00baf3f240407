// A bounded number of places, and which holder makes room. Runs in the controller, on the main thread; pure. A newcomer
// always gets a place: where none is free, the holder that has been idle for longest loses its place; a holder that is
// being served loses it only where all are.

export class Places<T> {
  readonly #max: number
  /** Idle holders, in the order in which they became idle. */
  readonly #idle = new Set<T>()
  readonly #served = new Set<T>()

  constructor(max: number) {
    this.#max = max
  }

  /** Gives `comer` a place; returns the holder that lost its place for it, if any. */
  take(comer: T): T | undefined {
    const isFull = this.#idle.size + this.#served.size >= this.#max
    const loser: T | undefined = isFull ? (first(this.#idle) ?? first(this.#served)) : undefined
    if (loser !== undefined) this.leave(loser)
    this.#idle.add(comer)
    return loser
  }

  /** Marks `holder` as being served until the returned function is called. */
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
