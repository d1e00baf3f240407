// Several keys of one shard at a time: a key's records are handled in their order, one call after the other, while calls for
// other keys run beside it. Runs in the client, pure. The checkpoint moves over what is done without a gap.

/** One record that was admitted. */
export interface LaneEntry<R> {
  readonly key: string
  readonly record: R
  /** The number behind it: where a reader goes on. */
  readonly next: number
  isStarted: boolean
  isDone: boolean
}

/** Records of one key that are handled by one call, in order. */
export type LaneRun<R> = readonly LaneEntry<R>[]

export interface KeyLanesOptions {
  /** Calls at a time. */
  readonly lanes: number
  /** Records in one call, at most. */
  readonly runMax: number
  /** Where the first record lies: the position while nothing is done. */
  readonly next: number
}

export class KeyLanes<R> {
  readonly #options: KeyLanesOptions
  /** In the order of the shard, from the first that is not done. */
  readonly #admitted: LaneEntry<R>[] = []
  #head = 0
  #next: number
  /** Records of each key that wait, in order. */
  readonly #waiting = new Map<string, LaneEntry<R>[]>()
  /** Keys that wait for a lane, in the order in which they came. */
  readonly #ready = new Set<string>()
  readonly #busy = new Set<string>()

  constructor(options: KeyLanesOptions) {
    this.#options = options
    this.#next = options.next
  }

  /** The position behind everything that is done without a gap. */
  get next(): number {
    return this.#next
  }

  /** Records that were admitted, from the first one on that is not done. */
  get size(): number {
    return this.#admitted.length - this.#head
  }

  /** Calls under way. */
  get running(): number {
    return this.#busy.size
  }

  /** Admits the next record of the shard. */
  admit(key: string, record: R, next: number): void {
    const entry: LaneEntry<R> = { key, record, next, isStarted: false, isDone: false }
    this.#admitted.push(entry)
    const waiting = this.#waiting.get(key)
    if (waiting === undefined) this.#waiting.set(key, [entry])
    else waiting.push(entry)
    if (!this.#busy.has(key)) this.#ready.add(key)
  }

  /** Returns the next records to be handled by one call; undefined if no lane is free, or every key that waits is being handled. */
  start(): LaneRun<R> | undefined {
    if (this.#busy.size >= this.#options.lanes) return undefined
    for (const key of this.#ready) {
      this.#ready.delete(key)
      const waiting = this.#waiting.get(key)!
      const run = waiting.splice(0, this.#options.runMax)
      if (waiting.length === 0) this.#waiting.delete(key)
      for (const entry of run) entry.isStarted = true
      this.#busy.add(key)
      return run
    }
    return undefined
  }

  /** Notes a record of a run that is processed. */
  complete(entry: LaneEntry<R>): void {
    entry.isDone = true
    for (;;) {
      const first = this.#admitted[this.#head]
      if (first?.isDone !== true) break
      this.#next = first.next
      this.#head++
    }
    // Now and then, so that each record is moved once on average.
    if (this.#head > 1024 && this.#head * 2 > this.#admitted.length) {
      this.#admitted.splice(0, this.#head)
      this.#head = 0
    }
  }

  /** The call for these records is over, whether or not they are processed. */
  finish(run: LaneRun<R>): void {
    const { key } = run[0]!
    this.#busy.delete(key)
    if (this.#waiting.has(key)) this.#ready.add(key)
  }

  /**
   * Forgets the records behind the last one that was started: whoever takes the shard over begins there. Those before it
   * stay, so that nothing that is processed is processed again.
   */
  trim(): void {
    const last = this.#admitted.findLastIndex((entry) => entry.isStarted)
    const dropped = new Set(this.#admitted.splice(Math.max(last + 1, this.#head)))
    for (const [key, waiting] of this.#waiting) {
      const kept = waiting.filter((entry) => !dropped.has(entry))
      if (kept.length > 0) this.#waiting.set(key, kept)
      else {
        this.#waiting.delete(key)
        this.#ready.delete(key)
      }
    }
  }
}
