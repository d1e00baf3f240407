// Handles several keys of one shard at a time: a key's records in order, one call after the other, while calls for other keys
// run beside it. Runs in the client, pure. The checkpoint never passes a record that is not done.

/** An admitted record. */
export interface LaneEntry<R> {
  readonly key: string
  readonly record: R
  /** The number at which a reader goes on after this record. */
  readonly next: number
  isStarted: boolean
  isDone: boolean
}

/** Records of one key for one call, in order. */
export type LaneRun<R> = readonly LaneEntry<R>[]

export interface KeyLanesOptions {
  /** Most calls at the same time. */
  readonly lanes: number
  /** Most records in one call. */
  readonly runMax: number
  /** Number of the first record: the position before any record is done. */
  readonly next: number
}

export class KeyLanes<R> {
  readonly #options: KeyLanesOptions
  /** Admitted records in the order of the shard; from `#head` on, the first one is not done. */
  readonly #admitted: LaneEntry<R>[] = []
  #head = 0
  #next: number
  /** Waiting records of each key, in order. */
  readonly #waiting = new Map<string, LaneEntry<R>[]>()
  /** Keys that wait for a lane, in order of arrival. */
  readonly #ready = new Set<string>()
  readonly #busy = new Set<string>()

  constructor(options: KeyLanesOptions) {
    this.#options = options
    this.#next = options.next
  }

  /** The position: all records before it are done. */
  get next(): number {
    return this.#next
  }

  /** Number of admitted records from the first one that is not done. */
  get size(): number {
    return this.#admitted.length - this.#head
  }

  /** Number of running calls. */
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

  /** Returns the records of the next call; undefined if no lane is free, or every waiting key is being handled. */
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

  /** Notes that a record of a run is processed. */
  complete(entry: LaneEntry<R>): void {
    entry.isDone = true
    for (;;) {
      const first = this.#admitted[this.#head]
      if (first?.isDone !== true) break
      this.#next = first.next
      this.#head++
    }
    // Done records are removed in bulk, so that each record is moved once on average.
    if (this.#head > 1024 && this.#head * 2 > this.#admitted.length) {
      this.#admitted.splice(0, this.#head)
      this.#head = 0
    }
  }

  /** Notes that the call for these records has ended, whether or not they are processed. */
  finish(run: LaneRun<R>): void {
    const { key } = run[0]!
    this.#busy.delete(key)
    if (this.#waiting.has(key)) this.#ready.add(key)
  }

  /**
   * Forgets the records behind the last started one: the member that takes over the shard begins there. Records before it
   * stay, so that no processed record is processed again.
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
