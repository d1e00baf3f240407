// How much the broker may send ahead of each subscription, so that all together stay within one limit. Runs in the endpoint.
// A share is decided when a subscription begins, and none lives for more than minutes: so shares follow their number.
import { feedLimits } from './feed-limits.ts'

export class CreditShares {
  #taken = 0

  /** Bytes that the subscriptions of this time were given. */
  get bytes(): number {
    return this.#taken
  }

  /** Takes a share: half of what is left, within the bounds of one subscription. It is given back once, by `release`. */
  take(): { readonly bytes: number; readonly release: () => void } {
    const { creditBytesTotal, creditBytesMax, creditBytesMin } = feedLimits
    const half = Math.floor((creditBytesTotal - this.#taken) / 2)
    const bytes = Math.min(creditBytesMax, Math.max(creditBytesMin, half))
    this.#taken += bytes
    let isHeld = true
    const release = (): void => {
      if (!isHeld) return
      isHeld = false
      this.#taken -= bytes
    }
    return { bytes, release }
  }
}
