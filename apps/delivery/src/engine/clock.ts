// The time of a delivery: handed in, so that tests can let it stand still. How to wait by it, and how long before something is tried again.

const FIRST_MS = 200
const LAST_MS = 30_000

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds of which only differences mean anything: spans are measured by them, as the time of the day may be set back. */
  monotonic(): number
  /** Calls `then` after a time. Returns a function that takes that back. */
  after(ms: number, then: () => void): () => void
}

/** Fulfils after a time. Rejects when the signal fires. */
export function wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const reason = (): Error => (signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    if (signal.aborted) {
      reject(reason())
      return
    }
    const stop = (): void => {
      cancel()
      reject(reason())
    }
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
    signal.addEventListener('abort', stop, { once: true })
  })
}

/** Twice as long each time, its upper half at random. What somebody has to mend is looked at seldom from the beginning. */
export function backoff(attempt: number, random: () => number, isLasting = false): number {
  const most = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(attempt + (isLasting ? 4 : 0), 20))
  return most / 2 + (most / 2) * random()
}
