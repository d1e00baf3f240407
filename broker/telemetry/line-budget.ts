// How often one message may stand in the log. Runs in every process that logs, pure but for the clock it is given. Some lines
// are caused by clients, and a client must not fill a disk or hide other lines by repeating one.

export interface LineBudgetOptions {
  /** Lines with one message that are written in a window; further ones are counted only. */
  readonly linesMax: number
  readonly windowMs: number
  /** Messages that are counted apart; those beyond share one count. */
  readonly messagesMax: number
  /** Milliseconds that never go backwards. */
  readonly now: () => number
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
   * Returns undefined where a line with this message is to be left out, and otherwise how many were left out since the last
   * one that was written.
   */
  admit(message: string): number | undefined {
    const { linesMax, windowMs, now } = this.#options
    const at = now()
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

  /** Drops windows that are over and have nothing left to tell. */
  #forget(at: number): void {
    for (const [message, { endsAt, leftOut }] of this.#windows) {
      if (at >= endsAt && leftOut === 0) this.#windows.delete(message)
    }
  }
}
