// A clock that changes only when a test moves it: hours pass at once, and the wall clock can jump. Pure.

const START = Date.UTC(2026, 0, 1)

export class ManualTime {
  #now = START
  #elapsed = 0

  /** The wall clock, in milliseconds since 1970. */
  readonly now = (): number => this.#now
  /** The monotonic clock, in milliseconds. */
  readonly elapsed = (): number => this.#elapsed

  /** Moves both clocks. */
  advance(ms: number): void {
    this.#now += ms
    this.#elapsed += ms
  }

  /** Moves the wall clock alone, as if a person set it. */
  jump(ms: number): void {
    this.#now += ms
  }
}
