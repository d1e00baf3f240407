// The recent rate of what a subscription sends: a mean in which older deliveries count less and less. Host main thread, pure.

/** After this time, a delivery counts for about a third of what it did. */
const FADE_MS = 5_000

export class DeliveryRate {
  #sum = 0
  #at = 0

  /** Adds an amount; `now` is on the monotonic clock and never falls. */
  add(amount: number, now: number): void {
    this.#sum = this.#faded(now) + amount
    this.#at = now
  }

  /** Returns the amount a second. */
  perSecond(now: number): number {
    return (this.#faded(now) / FADE_MS) * 1000
  }

  #faded(now: number): number {
    return this.#sum * Math.exp(-(now - this.#at) / FADE_MS)
  }
}
