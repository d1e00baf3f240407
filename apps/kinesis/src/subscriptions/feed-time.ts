// Time for subscriptions: the clock and single timers, which tests replace. Runs in the endpoint.

export interface FeedTime {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls once after this time; returns a function that prevents it. */
  after(ms: number, run: () => void): () => void
}

/** The time of this machine. */
export function feedTime(now: () => number): FeedTime {
  return {
    now,
    after(ms, run) {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
  }
}
