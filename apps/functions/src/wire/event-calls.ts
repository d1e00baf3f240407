// Calls that nobody waits for. Runs in the app, in memory: an event is lost where the app ends before it was handled. A call that fails is
// tried twice more, as Lambda does; one that found no room is tried until it finds some, for a while.
import type { CallOutcome } from '../runtime/functions.ts'

export const eventLimits = {
  attemptsMax: 3,
  /** Before each further attempt, as Lambda waits. */
  againMs: [60_000, 120_000],
  throttledMs: 1000,
  /** How long an event may wait for room. */
  ageMsMax: 3_600_000,
} as const

export interface EventCallsParts {
  readonly call: (name: string, payload: Uint8Array) => Promise<CallOutcome>
  readonly eventsMax: number
  readonly now: () => number
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  /** Takes what an operator should know. */
  readonly tell: (message: string) => void
}

export class EventCalls {
  readonly #parts: EventCallsParts
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<void>>()

  constructor(parts: EventCallsParts) {
    this.#parts = parts
  }

  /** Takes an event, or says that there is no room. */
  take(name: string, payload: Uint8Array): boolean {
    if (this.#running.size >= this.#parts.eventsMax || this.#closing.signal.aborted) return false
    const running = this.#run(name, payload)
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted)
          this.#parts.tell(`An event of the function ${name} was given up: ${String(error)}`)
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
    return true
  }

  /** Lets attempts under way end; what would be tried again later is given up. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#running)
  }

  async #run(name: string, payload: Uint8Array): Promise<void> {
    const { call, now, wait, tell } = this.#parts
    const { signal } = this.#closing
    const takenAt = now()
    for (let attempts = 1; ;) {
      const { result } = await call(name, payload)
      if (result.ok) return
      const { errorType, errorMessage, isThrottle } = result.error
      if (isThrottle === true) {
        if (now() - takenAt > eventLimits.ageMsMax) throw new Error(`${errorType}: ${errorMessage}`)
        await wait(eventLimits.throttledMs, signal)
      } else {
        const againMs = eventLimits.againMs[attempts - 1]
        if (againMs === undefined || attempts >= eventLimits.attemptsMax) {
          return tell(
            `An event of the function ${name} failed ${attempts} times and was given up: ${errorType}: ${errorMessage}`,
          )
        }
        await wait(againMs, signal)
        attempts += 1
      }
    }
  }
}
