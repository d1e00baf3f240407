// How fast a producer's buffer empties, and so how long a record that found it full should wait. Runs in the client, pure.

/** Bounds of the wait: below, a retry costs more than it gains; above, the rate of the last second says nothing. */
export const retryAfterBounds = { msMin: 10, msMax: 5000 } as const

/** The shortest time over which the rate is taken. */
const WINDOW_MS = 1000

/**
 * Milliseconds until `excessBytes` have left a buffer that `drainedBytes` left within the last `elapsedMs`, within the
 * bounds. Where nothing left, as long as that has lasted: who tries again and again waits longer each time.
 */
export function drainMs(excessBytes: number, drainedBytes: number, elapsedMs: number): number {
  const ms = drainedBytes > 0 ? (excessBytes * elapsedMs) / drainedBytes : elapsedMs
  return Math.min(retryAfterBounds.msMax, Math.max(retryAfterBounds.msMin, Math.ceil(ms)))
}

interface Sample {
  readonly at: number
  /** Bytes that have left the buffer until then. */
  readonly drained: number
}

/** Remembers what left the buffer within the last one to two windows. Times are of a monotonic clock, in milliseconds. */
export class DrainRate {
  #from: Sample = { at: 0, drained: 0 }
  #last: Sample = { at: 0, drained: 0 }

  /** The buffer was empty until now: what was before says nothing about how fast it empties. */
  begin(at: number, drained: number): void {
    this.#from = this.#last = { at, drained }
  }

  /** Some of the buffer has left. */
  sample(at: number, drained: number): void {
    if (at - this.#last.at < WINDOW_MS) return
    this.#from = this.#last
    this.#last = { at, drained }
  }

  /** Milliseconds until so many bytes have left. */
  msFor(excessBytes: number, at: number, drained: number): number {
    return drainMs(excessBytes, drained - this.#from.drained, at - this.#from.at)
  }
}
