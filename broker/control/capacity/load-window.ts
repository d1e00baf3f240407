// The mean load of one shard over its last seconds or minutes. Runs in the controller; pure.
// A window keeps a ring of readings of two totals that only rise, spaced so that a fixed number of them spans the window;
// the mean is the growth of the totals within the window. Time before the first reading counts as no load, unless the
// caller accepts a mean over less time.

/** Total load from a fixed beginning up to some moment. */
export interface LoadTotals {
  readonly bytes: number
  readonly records: number
}

/** Bytes and records per second. */
export interface Rate {
  readonly bytes: number
  readonly records: number
}

/** Readings that span a window, and one before them to reach back to its beginning. */
const SPANS = 5
const RING = SPANS + 2

/** Numbers in a reading: its time, bytes, records. */
const WIDTH = 3

export class LoadWindow {
  readonly #windowMs: number
  readonly #readings = new Float64Array(RING * WIDTH)
  /** Place of the newest reading in the ring. */
  #newest = -1
  #count = 0
  /** When the first reading was taken. */
  #knownSince = Infinity

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  /** Takes a reading. `atMs` and both totals never fall from one to the next. */
  add(atMs: number, { bytes, records }: LoadTotals): void {
    const readings = this.#readings
    if (this.#count === 0) this.#knownSince = atMs
    // The newest reading is replaced until it is far enough from the one before it.
    const isNear =
      this.#count >= 2 && readings[this.#at(1)]! + this.#windowMs / SPANS > readings[this.#at(0)]!
    this.#put(atMs, bytes, records, isNear)
  }

  /** Returns the mean over the window that ends at `nowMs`; over the known part of it, if that is at least `leastMs`. */
  rate(nowMs: number, leastMs = this.#windowMs): Rate {
    const ms = Math.min(this.#windowMs, Math.max(leastMs, nowMs - this.#knownSince))
    const end = this.totalsAt(nowMs)
    const start = this.totalsAt(nowMs - ms)
    const seconds = ms / 1000
    return { bytes: (end.bytes - start.bytes) / seconds, records: (end.records - start.records) / seconds }
  }

  /** Returns the totals at a moment: interpolated between two readings; outside all readings, those of the nearest. */
  totalsAt(atMs: number): LoadTotals {
    const readings = this.#readings
    if (this.#count === 0) return { bytes: 0, records: 0 }
    let back = 0
    while (back < this.#count && readings[this.#at(back)]! > atMs) back++
    if (back === 0) return this.#totals(this.#at(0))
    if (back === this.#count) return this.#totals(this.#at(this.#count - 1))
    const [before, after] = [this.#at(back), this.#at(back - 1)]
    const part = (atMs - readings[before]!) / (readings[after]! - readings[before]!)
    const between = (field: number): number =>
      readings[before + field]! + part * (readings[after + field]! - readings[before + field]!)
    return { bytes: between(1), records: between(2) }
  }

  /** Makes the window of a child shard: the sum of its parents' windows, each multiplied by `part`. */
  static sumOf(
    parents: readonly { readonly window: LoadWindow; readonly part: number }[],
    nowMs: number,
  ): LoadWindow {
    const windowMs = parents[0]!.window.#windowMs
    const sum = new LoadWindow(windowMs)
    sum.#knownSince = Math.min(nowMs, Math.max(...parents.map(({ window }) => window.#knownSince)))
    for (let back = SPANS; back >= 0; back--) {
      const atMs = Math.max(sum.#knownSince, nowMs - (back * windowMs) / SPANS)
      let [bytes, records] = [0, 0]
      for (const { window, part } of parents) {
        const totals = window.totalsAt(atMs)
        bytes += totals.bytes * part
        records += totals.records * part
      }
      sum.#put(atMs, bytes, records, false)
    }
    return sum
  }

  #put(atMs: number, bytes: number, records: number, inPlaceOfNewest: boolean): void {
    if (!inPlaceOfNewest) {
      this.#newest = (this.#newest + 1) % RING
      this.#count = Math.min(this.#count + 1, RING)
    }
    const at = this.#newest * WIDTH
    this.#readings[at] = atMs
    this.#readings[at + 1] = bytes
    this.#readings[at + 2] = records
  }

  /** Returns the index in `#readings` of the reading that is `back` places older than the newest. */
  #at(back: number): number {
    return ((this.#newest - back + RING) % RING) * WIDTH
  }

  #totals(at: number): LoadTotals {
    return { bytes: this.#readings[at + 1]!, records: this.#readings[at + 2]! }
  }
}
