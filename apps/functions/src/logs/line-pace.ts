// How many lines of a function are kept: so many a second, with room for bursts. Pure.

export class LinePace {
  readonly linesPerSecond: number
  readonly #linesAtOnce: number
  #room: number
  #at: number | undefined
  #lost = 0

  constructor({
    linesPerSecond,
    linesAtOnce,
  }: {
    readonly linesPerSecond: number
    readonly linesAtOnce: number
  }) {
    this.linesPerSecond = linesPerSecond
    this.#linesAtOnce = linesAtOnce
    this.#room = linesAtOnce
  }

  /** Whether there is room for a line; it is counted. */
  take(now: number): boolean {
    const passedMs = Math.max(0, now - (this.#at ?? now))
    this.#at = now
    this.#room = Math.min(this.#linesAtOnce, this.#room + (passedMs / 1000) * this.linesPerSecond)
    if (this.#room < 1) {
      this.#lost += 1
      return false
    }
    this.#room -= 1
    return true
  }

  /** Lines that found no room since it was asked last. */
  lost(): number {
    const lost = this.#lost
    this.#lost = 0
    return lost
  }
}
