// A queue that can be searched: items are pushed at the end, shifted at the front, read by index. Runs anywhere, pure.
// A shifted item is released at once, even while its place in the array is not reclaimed yet.

/** Fewest shifts for which the array is made smaller. */
const RECLAIM_MIN = 32

export class Fifo<T> {
  #items: (T | undefined)[] = []
  #first = 0

  get length(): number {
    return this.#items.length - this.#first
  }

  /** Returns the item at `index`, oldest first; undefined outside. */
  at(index: number): T | undefined {
    return index < 0 ? undefined : this.#items[this.#first + index]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#first]
    this.#items[this.#first++] = undefined
    if (this.#first > RECLAIM_MIN && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return item
  }

  clear(): void {
    this.#items = []
    this.#first = 0
  }

  /** Returns the index of the first item that is not `before`, given that those that are come first; `length` if all are. */
  findFirst(isBefore: (item: T) => boolean): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBefore(this.#items[this.#first + middle] as T)) low = middle + 1
      else high = middle
    }
    return low
  }
}
