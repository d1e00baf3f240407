// What one session's connection can still take, shared by everything that reads on its behalf. Host main thread.
// The invariant: for a client that does not read its socket, the host does not read storage. Whoever has something
// for a session asks `open` first, and otherwise waits its turn here: memory per session stays bounded.
import type { Session } from '../../server/session.ts'
import type { Time } from '../../time.ts'

/** One per session that reads. */
export class Outflow {
  readonly session: Session
  readonly #time: Time
  readonly #waiting = new Set<() => void>()
  /** Answers given this turn, which the server has yet to hand to the connection. */
  #answeredBytes = 0
  /** Since when the connection has taken nothing, and how much it had not taken then; undefined while open. */
  #stuck: { readonly since: number; readonly queuedBytes: number } | undefined
  /** Settles when the last one in the line is done. */
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

  /** May more be read for this session? */
  get open(): boolean {
    if (this.#gone) return false
    const { queuedBytes, highWaterBytes } = this.session
    // The session's own mark: only a connection that was above it tells when it has drained.
    if (queuedBytes + this.#answeredBytes <= highWaterBytes) {
      this.#stuck = undefined
      return true
    }
    if (!this.#stuck || queuedBytes < this.#stuck.queuedBytes) {
      this.#stuck = { since: this.#time.elapsed(), queuedBytes }
    }
    return false
  }

  /** The session is over: nothing that waits here will run. */
  get gone(): boolean {
    return this.#gone
  }

  /** How long the connection has taken nothing of too much, as far as anybody asked; 0 while open. */
  get stuckMs(): number {
    return this.open || !this.#stuck ? 0 : this.#time.elapsed() - this.#stuck.since
  }

  /** Runs `task` when the connection has taken enough, in the order of the calls; never, once the session is over. */
  whenOpen(task: () => void): void {
    if (!this.#gone) this.#waiting.add(task)
  }

  /** No longer interested. */
  forget(task: () => void): void {
    this.#waiting.delete(task)
  }

  /**
   * Runs `work` when everything that came before it in this line is done. Fetches of one session read one after the
   * other: a thousand at once would all find the connection open, and then fill it a thousand times over.
   */
  inLine<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line.then(work)
    const nothing = (): void => {}
    this.#line = done.then(nothing, nothing) // keeps no result
    return done
  }

  /** Counts an answer that was returned to the server: `queuedBytes` shows it only when this turn is over. */
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
    // Each task may fill the connection again: those behind it then keep their place.
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
