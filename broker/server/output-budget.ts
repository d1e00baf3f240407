// The bytes that wait to be sent by all sessions of a process together. Runs on the main thread of every process that listens,
// pure. One client that reads nothing is bounded by its session's limits; many of them are bounded here: each session stops
// earlier the more there are, and where that does not suffice, those that read nothing are cut, the largest first.

/** A session, as far as its output goes. */
export interface Sender {
  /** Bytes that wait to be sent. */
  readonly countedBytes: number
  /** True if the client took something since the last sweep, or was not there yet. */
  readonly isTaking: boolean
}

/** A session starts no new request above so many queued bytes, however many sessions there are. */
const SHARE_BYTES_MIN = 128 * 1024

export class OutputBudget {
  readonly #bytesMax: number
  readonly #highWaterBytesMax: number
  #bytes = 0

  /** `bytesMax`: of all sessions. `highWaterBytesMax`: where one session stops, as long as there are few. */
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

  /** Counts what one session queued, or what its client took, as a negative number. */
  change(bytes: number): void {
    this.#bytes += bytes
  }

  /** Where each of so many sessions stops: half of the budget is divided among them, the rest is for answers under way. */
  highWaterBytes(sessions: number): number {
    const share = Math.floor(this.#bytesMax / 2 / Math.max(1, sessions))
    return Math.min(this.#highWaterBytesMax, Math.max(SHARE_BYTES_MIN, share))
  }

  /** The sessions to cut so that the rest is within the budget: those that take nothing first, and of these the largest. */
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

/** What one session has in the budget. */
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

  /** Counts so many bytes from now on; returns true where the budget is exceeded. */
  set(bytes: number): boolean {
    if (this.#isGivenUp) return false
    this.#budget.change(bytes - this.#bytes)
    this.#bytes = bytes
    return this.#budget.isExceeded
  }

  /** Counts nothing any more: what still waits goes with the connection. */
  giveUp(): void {
    this.set(0)
    this.#isGivenUp = true
  }
}
