// The time in which a closed loop's operations count. Runs in a load process; pure, the clock's readings are passed in.
// It stays open until one operation has counted, so that a slow machine gives a low figure and not none.

export class CountingWindow {
  readonly #startsAt: number
  #endsAt: number
  #hasCounted = false

  /** Opens after the warm-up; times in milliseconds of one monotonic clock. */
  constructor(now: number, { warmUpSeconds, seconds }: { warmUpSeconds: number; seconds: number }) {
    this.#startsAt = now + warmUpSeconds * 1000
    this.#endsAt = this.#startsAt + seconds * 1000
  }

  /** Returns true once no further operation needs to be started. */
  isOver(now: number): boolean {
    return now >= this.#endsAt && this.#hasCounted
  }

  /** Returns true if an operation that ends now counts. */
  count(now: number): boolean {
    if (now < this.#startsAt || this.isOver(now)) return false
    this.#hasCounted = true
    this.#endsAt = Math.max(this.#endsAt, now)
    return true
  }

  /** Returns true if an operation that begins now lies behind the warm-up. */
  hasBegun(now: number): boolean {
    return now >= this.#startsAt
  }

  /** Ends the window early. */
  stop(now: number): void {
    this.#endsAt = Math.min(this.#endsAt, now)
  }

  /** Length of the window, at least one millisecond. */
  get seconds(): number {
    return Math.max(1, this.#endsAt - this.#startsAt) / 1000
  }
}
