// The queue before the disk. Runs on the owner thread. While one commit runs, everything queues; when it ends, all that
// is queued goes into the next commit, up to a bound in bytes. No timer; the order of arrival is kept.

/** An item that waits for a commit. */
export interface Queued {
  /** The bytes that the item counts for in a commit. */
  readonly bytes: number
}

export class GroupCommit<T extends Queued> {
  readonly #bytesMax: number
  readonly #run: (items: T[]) => Promise<void>
  #waiting: T[] = []
  #waitingBytes = 0
  #running: Promise<void> | undefined

  /** `run` commits the items and never rejects: it answers each item itself, in success and failure. */
  constructor(options: { bytesMax: number; run: (items: T[]) => Promise<void> }) {
    this.#bytesMax = options.bytesMax
    this.#run = options.run
  }

  /** Bytes of the waiting items, without those in the commit under way. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  push(item: T): void {
    this.#waiting.push(item)
    this.#waitingBytes += item.bytes
    this.#running ??= this.#drain()
  }

  /** Removes and returns all waiting items, for a caller that answers them itself. */
  takeWaiting(): T[] {
    const taken = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    return taken
  }

  /** Fulfils when no item waits and no commit runs. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #drain(): Promise<void> {
    // Items that arrive later in this turn join the commit.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#run(this.#takeForCommit())
    this.#running = undefined
  }

  /** As many items as the bound allows, at least one. */
  #takeForCommit(): T[] {
    let bytes = 0
    let count = 0
    for (const item of this.#waiting) {
      if (count > 0 && bytes + item.bytes > this.#bytesMax) break
      bytes += item.bytes
      count++
    }
    this.#waitingBytes -= bytes
    return count === this.#waiting.length ? this.#swapWaiting() : this.#waiting.splice(0, count)
  }

  #swapWaiting(): T[] {
    const taken = this.#waiting
    this.#waiting = []
    return taken
  }
}
