// The unanswered requests of one session, and the bytes that they hold. Runs on the main thread of every process that
// listens. Bounded in number and in bytes, of the session and of all sessions together.
import type { ByteBudget, SessionLimits } from './admission.ts'
import type { Refusal } from './dispatch.ts'

/** Retry hint for a client that was refused for lack of room. */
const OVERLOADED_RETRY_MS = 100

interface HeldReading {
  hold(): void
  release(): void
}

export class UnansweredRequests {
  readonly #limits: SessionLimits
  readonly #received: ByteBudget
  readonly #reading: HeldReading
  #isHeld = false
  /** Correlation id → bytes of the request's frame. */
  readonly #open = new Map<number, number>()
  #bytes = 0

  /** Holds `reading` while the requests hold so many bytes that nothing more should be read from the session. */
  constructor(sessionBounds: SessionLimits, received: ByteBudget, reading: HeldReading) {
    this.#limits = sessionBounds
    this.#received = received
    this.#reading = reading
  }

  get size(): number {
    return this.#open.size
  }

  has(correlationId: number): boolean {
    return this.#open.has(correlationId)
  }

  ids(): Iterable<number> {
    return [...this.#open.keys()]
  }

  /** Admits a request of `bytes` where fewer than `max` are unanswered, and returns undefined; or returns why not. */
  admit(correlationId: number, bytes: number, max: number): Refusal | undefined {
    if (this.#open.size >= max) {
      const why = max < this.#limits.requestsInFlightMax ? ' while those of all clients are many' : ''
      return overloaded(`${max} requests of this session are unanswered; that is the limit${why}.`)
    }
    if (!this.#received.take(bytes)) {
      return overloaded('The requests of all clients fill the room that this process has for them.')
    }
    this.#open.set(correlationId, bytes)
    this.#bytes += bytes
    if (this.#isFull && !this.#isHeld) {
      this.#isHeld = true
      this.#reading.hold()
    }
    return undefined
  }

  /** Frees what the request holds; returns false if it was settled before. */
  settle(correlationId: number): boolean {
    const bytes = this.#open.get(correlationId)
    if (bytes === undefined) return false
    this.#open.delete(correlationId)
    this.#bytes -= bytes
    this.#received.give(bytes)
    if (this.#isHeld && !this.#isFull) {
      this.#isHeld = false
      this.#reading.release()
    }
    return true
  }

  get #isFull(): boolean {
    return this.#bytes > this.#limits.requestBytesInFlightMax
  }
}

function overloaded(message: string): Refusal {
  return { code: 'overloaded', message, retryAfterMs: OVERLOADED_RETRY_MS }
}
