// A token bucket that counts exactly: the limits of the service are kept to the record and the byte. Pure: the caller gives the time.
// It saves one second's worth. Balances are thousandths of a unit, so that whole milliseconds of whole rates are whole numbers.

export class Bucket {
  #perSecond: number
  #balance: number
  #at: number

  /** Makes a full bucket. */
  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond
    this.#balance = perSecond * 1000
    this.#at = now
  }

  /**
   * Whether so much can be taken without a debt. What is more than the bucket ever holds can be taken from a full one: the debt is then
   * paid before anything else is taken.
   */
  fits(amount: number, now: number): boolean {
    this.#fill(now)
    return this.#balance >= Math.min(amount, this.#perSecond) * 1000
  }

  /** Whether the balance is above zero: for work of which the cost is known only afterwards. */
  isOpen(now: number): boolean {
    this.#fill(now)
    return this.#balance > 0
  }

  take(amount: number, now: number): void {
    this.#fill(now)
    this.#balance -= amount * 1000
  }

  /** Takes the cost of work that was done. More than a second's worth uses up what was saved too: it is waited for in full. */
  takeAfterwards(amount: number, now: number): void {
    this.take(amount, now)
    if (amount > this.#perSecond) this.#balance = Math.min(this.#balance, -amount * 1000)
  }

  /** Changes the rate from now on; no more is saved than the new one allows. */
  setRate(perSecond: number, now: number): void {
    this.#fill(now)
    this.#perSecond = perSecond
    this.#balance = Math.min(this.#balance, perSecond * 1000)
  }

  #fill(now: number): void {
    // A clock that was set back gives nothing, and holds nothing up.
    const passed = Math.max(0, now - this.#at)
    this.#at = now
    this.#balance = Math.min(this.#perSecond * 1000, this.#balance + passed * this.#perSecond)
  }
}
