// A token bucket in debt style. Host main thread, pure: the caller brings the time.
// It admits while its balance is above zero, and then takes what the work cost, however much that is: any batch fits, and
// over time no more than the rate gets through, plus what one second saves up. The one number that it keeps is the moment
// at which the balance is zero, so that a wait can be named exactly, and time spent idle costs nothing.

/** How much of an unused rate is saved up. */
const BURST_MS = 1000

export class TokenBucket {
  #perSecond: number
  /** When the balance was zero, or will be: it is above zero after this moment. */
  #zeroAt = -Infinity

  /** A full one. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  get perSecond(): number {
    return this.#perSecond
  }

  /** Whole milliseconds until it admits, if nobody takes more meanwhile; 0 where it admits now. */
  waitMs(now: number): number {
    return now > this.#zeroAt ? 0 : Math.floor(this.#zeroAt - now) + 1
  }

  /** Takes what was admitted. */
  take(amount: number, now: number): void {
    this.#zeroAt = Math.max(this.#zeroAt, now - BURST_MS) + (amount / this.#perSecond) * 1000
  }

  /** Gives back what was taken for nothing. */
  give(amount: number): void {
    this.#zeroAt -= (amount / this.#perSecond) * 1000
  }

  /**
   * Changes the rate from now on. What was saved up stays the same part of a second. A debt is paid off sooner where the
   * rate is raised, and never later than before: whoever was told to wait was told the truth.
   */
  setRate(perSecond: number, now: number): void {
    const debtMs = this.#zeroAt - now
    if (debtMs > 0 && perSecond > this.#perSecond) this.#zeroAt = now + debtMs * (this.#perSecond / perSecond)
    this.#perSecond = perSecond
  }
}
