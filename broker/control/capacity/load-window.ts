// What one shard was asked for over a time, as a mean of its last seconds or minutes. Runs in the controller; pure.
// A window keeps a ring of readings of two totals that only rise, spaced so that a fixed number of them spans it; the
// mean is what was added within the window. Seconds that nobody has seen count as silence, unless whoever asks is content
// with a mean over less.

/** What was asked for in all, up to some moment. */
export interface LoadTotals {
  readonly bytes: number
  readonly records: number
}

/** Bytes and records a second. */
export interface Rate {
  readonly bytes: number
  readonly records: number
}

/** Readings that span a window, and one before them to reach back to its beginning. */
const SPANS = 5
const RING = SPANS + 2

/** Layout of a reading: when, and both totals. */
const WIDTH = 3

export class LoadWindow {
  readonly #windowMs: number
  readonly #readings = new Float64Array(RING * WIDTH)
  /** Place of the newest reading. */
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
    // The newest one moves along until it is far enough from the one before it.
    const isNear =
      this.#count >= 2 && readings[this.#at(1)]! + this.#windowMs / SPANS > readings[this.#at(0)]!
    this.#put(atMs, bytes, records, isNear)
  }

  /** The mean over the window that ends at `nowMs`; where less of it is known, over that, but over `leastMs` at least. */
  rate(nowMs: number, leastMs = this.#windowMs): Rate {
    const ms = Math.min(this.#windowMs, Math.max(leastMs, nowMs - this.#knownSince))
    const end = this.totalsAt(nowMs)
    const start = this.totalsAt(nowMs - ms)
    const seconds = ms / 1000
    return { bytes: (end.bytes - start.bytes) / seconds, records: (end.records - start.records) / seconds }
  }

  /** The totals at a moment: between two readings by proportion, outside all of them as at the nearest. */
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

  /** A window that starts as the sum of others, each by its part: that of a shard made from theirs. */
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

  /** Where the reading lies that is so many back from the newest. */
  #at(back: number): number {
    return ((this.#newest - back + RING) % RING) * WIDTH
  }

  #totals(at: number): LoadTotals {
    return { bytes: this.#readings[at + 1]!, records: this.#readings[at + 2]! }
  }
}
