// A token bucket that may go into debt: how a host counts the limits of a shard, and how a producer keeps below them. Runs
// anywhere, pure: the caller gives the time.
// It admits work while its balance is above zero, and then takes the work's whole cost. So a batch of any size is admitted,
// and over time no more than the rate, plus one second's worth that was saved, gets through. The bucket's only number is the
// time at which its balance is zero. So the length of a wait is exact, and idle time costs nothing.

/** How much unused rate is saved: what this time would allow. */
const BURST_MS = 1000

export class TokenBucket {
  #perSecond: number
  /** The time at which the balance is zero; after it, the balance is above zero. */
  #zeroAt = -Infinity

  /** Makes a full bucket. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  get perSecond(): number {
    return this.#perSecond
  }

  /** Returns the whole milliseconds until work is admitted, if no more is taken meanwhile; 0 if it is admitted now. */
  waitMs(now: number): number {
    return now > this.#zeroAt ? 0 : Math.floor(this.#zeroAt - now) + 1
  }

  /** Returns the used part of what can be saved: 0 for a full bucket, above 1 in debt. */
  usedPart(now: number): number {
    return Math.max(0, 1 - (now - this.#zeroAt) / BURST_MS)
  }

  /** Takes the cost of admitted work. */
  take(amount: number, now: number): void {
    this.#zeroAt = Math.max(this.#zeroAt, now - BURST_MS) + (amount / this.#perSecond) * 1000
  }

  /** Gives back the cost of work that was not done. */
  give(amount: number): void {
    this.#zeroAt -= (amount / this.#perSecond) * 1000
  }

  /** Admits nothing for so many milliseconds, as somebody who knows better says. */
  hold(ms: number, now: number): void {
    this.#zeroAt = Math.max(this.#zeroAt, now + ms)
  }

  /**
   * Changes the rate from now on. Saved balance stays the same part of a second. A higher rate pays a debt off sooner. A lower
   * rate does not pay it off later, so that a wait that a client was told stays long enough.
   */
  setRate(perSecond: number, now: number): void {
    const debtMs = this.#zeroAt - now
    if (debtMs > 0 && perSecond > this.#perSecond) this.#zeroAt = now + debtMs * (this.#perSecond / perSecond)
    this.#perSecond = perSecond
  }
}
