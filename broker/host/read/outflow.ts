// How much one session's connection can still take. All reads for the session share it. Host main thread.
// The invariant: the host reads no storage for a client that does not read its socket. Code that has bytes for a session
// checks `open` first, or else waits here for its turn, so that memory per session is bounded.
import type { Session } from '../../server/session.ts'
import type { Time } from '../../time.ts'

/** The outflow of one session that reads. */
export class Outflow {
  readonly session: Session
  readonly #time: Time
  readonly #waiting = new Set<() => void>()
  /** Bytes of answers of this turn, which the server has not handed to the connection yet. */
  #answeredBytes = 0
  /** Since when the connection has taken no bytes, and how many were queued then; undefined while it is open. */
  #stuck: { readonly since: number; readonly queuedBytes: number } | undefined
  /** Settles when the last work in the line is done. */
  #line: Promise<void> = Promise.resolve()
  #gone = false

  constructor(session: Session, time: Time) {
    this.session = session
    this.#time = time
    session.onDrain(() => this.#reopen())
    session.onClose(() => {
      this.#gone = true
      this.#waiting.clear()
    })
  }

  /** True if more may be read for this session. */
  get open(): boolean {
    if (this.#gone) return false
    const { queuedBytes, highWaterBytes, isPaused } = this.session
    if (isPaused) {
      // A quota is used up for now: that is not a client that does not read.
      this.#stuck = undefined
      return false
    }
    // The mark is the session's own, because a connection reports that it has drained only if it was above that mark.
    if (queuedBytes + this.#answeredBytes <= highWaterBytes) {
      this.#stuck = undefined
      return true
    }
    if (!this.#stuck || queuedBytes < this.#stuck.queuedBytes) {
      this.#stuck = { since: this.#time.elapsed(), queuedBytes }
    }
    return false
  }

  /** True if the session is over; tasks that wait here will not run. */
  get gone(): boolean {
    return this.#gone
  }

  /** How long a full connection has taken no bytes, counted from the first check that found it full; 0 while it is open. */
  get stuckMs(): number {
    return this.open || !this.#stuck ? 0 : this.#time.elapsed() - this.#stuck.since
  }

  /** Runs `task` when the connection is open, in the order of the calls; never, if the session ends first. */
  whenOpen(task: () => void): void {
    if (!this.#gone) this.#waiting.add(task)
  }

  /** Removes a task that waits. */
  forget(task: () => void): void {
    this.#waiting.delete(task)
  }

  /**
   * Runs `work` when all earlier work of this line is done. So fetches of one session read one after the other: a thousand at
   * once would all find the connection open, and then fill it a thousand times over.
   */
  inLine<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line.then(work)
    const nothing = (): void => {}
    this.#line = done.then(nothing, nothing) // so that the line keeps no result
    return done
  }

  /** Counts an answer that was returned to the server. `queuedBytes` includes it only after this turn. */
  answered(bytes: number): void {
    if (bytes === 0) return
    if (this.#answeredBytes === 0) {
      this.#time.atTurnEnd(() => {
        this.#answeredBytes = 0
        this.#reopen()
      })
    }
    this.#answeredBytes += bytes
  }

  #reopen(): void {
    // Each task may fill the connection again; the tasks after it then keep their places.
    for (const task of this.#waiting) {
      if (!this.open) return
      this.#waiting.delete(task)
      task()
    }
  }
}

/** The outflows of all sessions that read. */
export class Outflows {
  readonly #bySession = new Map<Session, Outflow>()
  readonly #time: Time

  constructor(time: Time) {
    this.#time = time
  }

  of(session: Session): Outflow {
    let outflow = this.#bySession.get(session)
    if (outflow) return outflow
    outflow = new Outflow(session, this.#time)
    this.#bySession.set(session, outflow)
    session.onClose(() => this.#bySession.delete(session))
    return outflow
  }
}
