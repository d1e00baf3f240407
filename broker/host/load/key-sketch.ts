// The heaviest hash keys of a weighted stream, in constant memory. Host main thread, pure.
// Space-saving (Metwally, Agrawal, El Abbadi 2005) with weights that fade: a key that holds more than 1/16 of the total is
// among the entries, and an entry overstates its key by at most its error.

const ENTRIES_MAX = 16

/** A key and its weight: at least `weight − error`, at most `weight`. */
export interface HeavyKey {
  readonly key: bigint
  readonly weight: number
  readonly error: number
}

interface Entry {
  key: bigint
  weight: number
  error: number
}

export class KeySketch {
  readonly #entries: Entry[] = []
  #total = 0

  /** Weight of everything that was added. */
  get total(): number {
    return this.#total
  }

  /** The entries, in no particular order. */
  get entries(): readonly HeavyKey[] {
    return this.#entries
  }

  /** The key with the largest certain weight; undefined if nothing was added. */
  get heaviest(): HeavyKey | undefined {
    let heaviest: Entry | undefined
    for (const entry of this.#entries) {
      if (!heaviest || certain(entry) > certain(heaviest)) heaviest = entry
    }
    return heaviest
  }

  add(key: bigint, weight: number): void {
    this.#total += weight
    let lightest: Entry | undefined
    for (const entry of this.#entries) {
      if (entry.key === key) {
        entry.weight += weight
        return
      }
      if (!lightest || entry.weight < lightest.weight) lightest = entry
    }
    if (!lightest || this.#entries.length < ENTRIES_MAX) this.#entries.push({ key, weight, error: 0 })
    else {
      // The weight of the new key before this is unknown, but it was not above that of the lightest entry.
      lightest.key = key
      lightest.error = lightest.weight
      lightest.weight += weight
    }
  }

  /** Adds weight of unknown keys to the total, so that no known key seems heavier than it is. */
  addUnknown(weight: number): void {
    this.#total += weight
  }

  /** Multiplies all weights by a factor. */
  scale(factor: number): void {
    this.#total *= factor
    for (const entry of this.#entries) {
      entry.weight *= factor
      entry.error *= factor
    }
  }
}

/** Returns the weight that a key has at least. */
export function certain({ weight, error }: HeavyKey): number {
  return weight - error
}
