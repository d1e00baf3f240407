// Time that stands still until a test moves it: hours pass at once, and clocks jump. Pure.

const START = Date.UTC(2026, 0, 1)

export class ManualTime {
  #now = START
  #elapsed = 0

  /** Milliseconds since the epoch, as the wall clock says. */
  readonly clock = (): number => this.#now
  /** Milliseconds that never go back. */
  readonly elapsed = (): number => this.#elapsed

  /** Time passes. */
  advance(ms: number): void {
    this.#now += ms
    this.#elapsed += ms
  }

  /** Somebody sets the wall clock. */
  jump(ms: number): void {
    this.#now += ms
  }
}
