// How often a consumer may subscribe to one shard, where the service's limits hold: once a second. Runs in the endpoint.
import { feedLimits } from './feed-limits.ts'

export class CallPace {
  readonly #now: () => number
  /** When each was last called, oldest first. */
  readonly #calls = new Map<string, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Notes a call; returns false, and notes nothing, if the last one is too recent. */
  take(key: string): boolean {
    const now = this.#now()
    const last = this.#calls.get(key)
    if (last !== undefined && now >= last && now - last < feedLimits.callEveryMs) return false
    this.#calls.delete(key)
    this.#calls.set(key, now)
    for (const [oldest, at] of this.#calls) {
      if (now - at < feedLimits.callEveryMs && this.#calls.size <= feedLimits.callsKept) break
      this.#calls.delete(oldest)
    }
    return true
  }
}
