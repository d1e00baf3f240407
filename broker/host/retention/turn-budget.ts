// Long work in small parts, so that no turn of the event loop is long. Host main thread.
import type { Time } from '../../time.ts'

export class TurnBudget {
  readonly #time: Time
  readonly #most: number
  #spent = 0

  /** `most` is how much is done in one turn. */
  constructor(time: Time, most: number) {
    this.#time = time
    this.#most = most
  }

  /** So much was done: waits for the next turn where it was enough. */
  async spend(amount: number): Promise<void> {
    this.#spent += amount
    if (this.#spent < this.#most) return
    this.#spent = 0
    await new Promise<void>((resolve) => this.#time.atTurnEnd(resolve))
  }
}
