// Divides long work into small parts, so that no turn of the event loop is long. Host main thread.
import type { Time } from '../../time.ts'

export class TurnBudget {
  readonly #time: Time
  readonly #most: number
  #spent = 0

  /** `most` is the amount of work in one turn. */
  constructor(time: Time, most: number) {
    this.#time = time
    this.#most = most
  }

  /** Called after work; waits for the next turn if this one has done its amount. */
  async spend(amount: number): Promise<void> {
    this.#spent += amount
    if (this.#spent < this.#most) return
    this.#spent = 0
    await new Promise<void>((resolve) => this.#time.atTurnEnd(resolve))
  }
}
