// What one reader of a load, or one group of readers, has seen of it: which records are missing, came again, or came out of order.
// Pure. A lane is one producer's records for one key, numbered from 1 without a gap: they must be read in that order.

const NUMBERS = 2 ** 32
/** Missing records that are remembered one by one; a load with more is ended. */
export const MISSING_MAX = 1_000_000

export class Verification {
  /** Of each lane, the highest number that was read. */
  readonly #highest: Uint32Array
  /** Numbers below the highest that were not read. */
  readonly #missing = new Set<number>()
  #distinct = 0
  #again = 0
  #outOfOrder = 0

  constructor(lanes: number) {
    this.#highest = new Uint32Array(lanes)
  }

  /** Records that were read, each counted once. */
  get distinct(): number {
    return this.#distinct
  }

  /** How often a record was read that had been read before. */
  get again(): number {
    return this.#again
  }

  /** Records that were read after a later one of their lane, for the first time. */
  get outOfOrder(): number {
    return this.#outOfOrder
  }

  /** More records are missing than are remembered. */
  get isFull(): boolean {
    return this.#missing.size >= MISSING_MAX
  }

  /** Takes note of a record; false if it was read before. */
  take(lane: number, number: number): boolean {
    const highest = this.#highest[lane]!
    if (number > highest) {
      for (let between = highest + 1; between < number && !this.isFull; between++) {
        this.#missing.add(lane * NUMBERS + between)
      }
      this.#highest[lane] = number
    } else if (this.#missing.delete(lane * NUMBERS + number)) {
      this.#outOfOrder++
    } else {
      this.#again++
      return false
    }
    this.#distinct++
    return true
  }

  /** Whether a record was read. */
  has(lane: number, number: number): boolean {
    return number <= this.#highest[lane]! && !this.#missing.has(lane * NUMBERS + number)
  }
}
