// Limits how many audit lines one source causes with one event. Runs in every process that listens; pure but for the clock that
// it is given. The first lines of a window are written; what follows is counted, and told in one line when the window ends.
// A source that is not known yet, while the table is full, shares one window with all others of its kind.
import type { Clock } from '../../time.ts'

export interface AuditBudgetOptions {
  /** Lines of one source and event that are written in a window. */
  readonly linesMax: number
  readonly windowMs: number
  /** Sources and events that are counted apart. */
  readonly windowsMax: number
  readonly elapsed: Clock
}

/** Lines of one source and event that were left out. */
export interface LeftOut<E extends string> {
  readonly event: E
  readonly source: string
  readonly lines: number
}

interface Window<E extends string> {
  readonly event: E
  readonly source: string
  readonly endsAt: number
  lines: number
}

const OTHERS = 'others'

export class AuditBudget<E extends string> {
  readonly #options: AuditBudgetOptions
  /** In the order in which they end: all are of one length. */
  readonly #windows = new Map<string, Window<E>>()

  constructor(options: AuditBudgetOptions) {
    this.#options = options
  }

  /** True if the line is to be written; a line that is not is counted. */
  admits(event: E, source: string): boolean {
    const { linesMax, windowMs, windowsMax, elapsed } = this.#options
    const now = elapsed()
    const own = `${event} ${source}`
    const isKnown = this.#windows.has(own) || this.#windows.size < windowsMax
    const key = isKnown ? own : `${event} ${OTHERS}`
    let window = this.#windows.get(key)
    if (window === undefined) {
      window = { event, source: isKnown ? source : OTHERS, endsAt: now + windowMs, lines: 0 }
      this.#windows.set(key, window)
    }
    return ++window.lines <= linesMax
  }

  /** Windows that are open. */
  get size(): number {
    return this.#windows.size
  }

  /** Forgets the windows that have ended, all of them with `all`, and returns what was left out in them. */
  ended({ all = false } = {}): LeftOut<E>[] {
    const { linesMax, elapsed } = this.#options
    const now = elapsed()
    const told: LeftOut<E>[] = []
    for (const [key, { event, source, endsAt, lines }] of this.#windows) {
      if (endsAt > now && !all) break
      this.#windows.delete(key)
      if (lines > linesMax) told.push({ event, source, lines: lines - linesMax })
    }
    return told
  }
}
