// The clock that leases end by. Runs in the controller.
// It stands still while this process does: a process that was stopped, or was busy for seconds, must not take its members
// for dead whose renewals wait in its sockets.
import type { Clock } from '../../time.ts'

/** Time between two looks that counts as one at most: a look is due several times as often. */
const STALL_MS = 1_500

export class LeaseClock {
  readonly #elapsed: Clock
  #lookedAt: number
  #now = 0

  constructor(elapsed: Clock) {
    this.#elapsed = elapsed
    this.#lookedAt = elapsed()
  }

  /** Returns milliseconds since the start, without the time in which the process stood still. Whole ones, as answers need them. */
  readonly now = (): number => {
    const elapsed = this.#elapsed()
    this.#now += Math.min(STALL_MS, elapsed - this.#lookedAt)
    this.#lookedAt = elapsed
    return Math.floor(this.#now)
  }
}
