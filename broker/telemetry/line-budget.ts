// Limits how often one message is logged. Runs in every process that logs; pure but for the clock that it is given. Clients
// cause some lines, and a client must not fill the disk or hide other lines by repeating one.

import type { Clock } from '../time.ts'

export interface LineBudgetOptions {
  /** Most lines with one message in a window; further lines are only counted. */
  readonly linesMax: number
  readonly windowMs: number
  /** Most messages that are counted separately; further messages share one count. */
  readonly messagesMax: number
  /** Milliseconds that never go backwards. */
  readonly elapsed: Clock
}

interface Window {
  endsAt: number
  lines: number
  leftOut: number
}

const OTHERS = 'other messages'

export class LineBudget {
  readonly #options: LineBudgetOptions
  readonly #windows = new Map<string, Window>()

  constructor(options: LineBudgetOptions) {
    this.#options = options
  }

  /**
   * Returns undefined if a line with this message must be left out; otherwise the number of lines that were left out since
   * the last one that was written.
   */
  admit(message: string): number | undefined {
    const { linesMax, windowMs, elapsed } = this.#options
    const at = elapsed()
    const window = this.#windowOf(message, at)
    const leftOut = window.leftOut
    if (at >= window.endsAt) {
      window.endsAt = at + windowMs
      window.lines = 0
    }
    if (window.lines >= linesMax) {
      window.leftOut++
      return undefined
    }
    window.lines++
    window.leftOut = 0
    return leftOut
  }

  #windowOf(message: string, at: number): Window {
    const known = this.#windows.get(message)
    if (known !== undefined) return known
    if (this.#windows.size >= this.#options.messagesMax) this.#forget(at)
    const key = this.#windows.size >= this.#options.messagesMax ? OTHERS : message
    const window = this.#windows.get(key) ?? { endsAt: 0, lines: 0, leftOut: 0 }
    this.#windows.set(key, window)
    return window
  }

  /** Drops windows that have ended without a left-out line that is still to be reported. */
  #forget(at: number): void {
    for (const [message, { endsAt, leftOut }] of this.#windows) {
      if (at >= endsAt && leftOut === 0) this.#windows.delete(message)
    }
  }
}
