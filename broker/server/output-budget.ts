// Bounds the queued output of all sessions of a process together. Runs on the main thread of every process that listens;
// pure. Limits of a session bound one client that reads nothing; this bounds many such clients: the more sessions there
// are, the earlier each stops, and where that is not enough, sessions that read nothing are cut, the largest first.

/** What the budget needs to know of a session. */
export interface Sender {
  /** Bytes that wait to be sent. */
  readonly countedBytes: number
  /** True if the client took bytes since the last sweep, or was accepted after it. */
  readonly isTaking: boolean
}

/** Least value of `highWaterBytes`, however many sessions there are. */
const SHARE_BYTES_MIN = 128 * 1024

export class OutputBudget {
  readonly #bytesMax: number
  readonly #highWaterBytesMax: number
  #bytes = 0

  /** `bytesMax`: queued bytes of all sessions. `highWaterBytesMax`: high-water mark of a session while sessions are few. */
  constructor({ bytesMax, highWaterBytesMax }: { bytesMax: number; highWaterBytesMax: number }) {
    this.#bytesMax = bytesMax
    this.#highWaterBytesMax = highWaterBytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get bytesMax(): number {
    return this.#bytesMax
  }

  get isExceeded(): boolean {
    return this.#bytes > this.#bytesMax
  }

  /** Adds bytes that a session queued; negative for bytes that its client took. */
  change(bytes: number): void {
    this.#bytes += bytes
  }

  /** Returns the high-water mark of each session: half of the budget is divided, the rest is for answers under way. */
  highWaterBytes(sessions: number): number {
    const share = Math.floor(this.#bytesMax / 2 / Math.max(1, sessions))
    return Math.min(this.#highWaterBytesMax, Math.max(SHARE_BYTES_MIN, share))
  }

  /** Returns the sessions to cut to get within the budget: those that take nothing first, and of these the largest. */
  toCut<S extends Sender>(senders: Iterable<S>): S[] {
    const order = [...senders]
      .filter(({ countedBytes }) => countedBytes > 0)
      .sort((a, b) => Number(a.isTaking) - Number(b.isTaking) || b.countedBytes - a.countedBytes)
    const cut: S[] = []
    let left = this.#bytes
    for (const sender of order) {
      if (left <= this.#bytesMax) break
      left -= sender.countedBytes
      cut.push(sender)
    }
    return cut
  }
}

/** The share of one session in the budget. */
export class OutputShare {
  readonly #budget: OutputBudget
  #bytes = 0
  #isGivenUp = false

  constructor(budget: OutputBudget) {
    this.#budget = budget
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Sets the queued bytes of the session; returns true where the budget is exceeded. */
  set(bytes: number): boolean {
    if (this.#isGivenUp) return false
    this.#budget.change(bytes - this.#bytes)
    this.#bytes = bytes
    return this.#budget.isExceeded
  }

  /** Frees the share for good: what still waits is about to be dropped with the connection. */
  giveUp(): void {
    this.set(0)
    this.#isGivenUp = true
  }
}
