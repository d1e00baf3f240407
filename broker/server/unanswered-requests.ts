// The unanswered requests of one session, and the bytes that they hold. Runs on the main thread of every process that
// listens. Bounded in number and in bytes, of the session and of all sessions together.
import type { ByteBudget, SessionLimits } from './admission.ts'
import type { Refusal } from './dispatch.ts'

/** Retry hint for a client that was refused for lack of room. */
const OVERLOADED_RETRY_MS = 100

export class UnansweredRequests {
  readonly #limits: SessionLimits
  readonly #received: ByteBudget
  /** Correlation id → bytes of the request's frame. */
  readonly #open = new Map<number, number>()
  #bytes = 0

  constructor(sessionBounds: SessionLimits, received: ByteBudget) {
    this.#limits = sessionBounds
    this.#received = received
  }

  get size(): number {
    return this.#open.size
  }

  /** True while the requests hold so many bytes that nothing more should be read from the session. */
  get full(): boolean {
    return this.#bytes > this.#limits.requestBytesInFlightMax
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
    return undefined
  }

  /** Frees what the request holds; returns false if it was settled before. */
  settle(correlationId: number): boolean {
    const bytes = this.#open.get(correlationId)
    if (bytes === undefined) return false
    this.#open.delete(correlationId)
    this.#bytes -= bytes
    this.#received.give(bytes)
    return true
  }
}

function overloaded(message: string): Refusal {
  return { code: 'overloaded', message, retryAfterMs: OVERLOADED_RETRY_MS }
}
