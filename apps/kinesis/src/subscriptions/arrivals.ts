// The batches of a reading, one asked for ahead: so that what has arrived can be told from what is still to come. Runs in the
// endpoint. A batch counts as read by the native reading when it is handed out here, so a place is only true while none waits.
import type { StreamRecord } from 'millrace'

/** What has become of the batch that was asked for. */
export type Arrival =
  { readonly type: 'batch'; readonly records: readonly StreamRecord[] } | { readonly type: 'end' }

type Outcome = Arrival | { readonly type: 'failed'; readonly error: unknown }

export class Arrivals {
  readonly #batches: AsyncIterator<readonly StreamRecord[], unknown>
  #outcome: Outcome | undefined
  #isAsking = false
  #wake: (() => void) | undefined

  constructor(batches: AsyncIterator<readonly StreamRecord[], unknown>) {
    this.#batches = batches
  }

  /** True if something is here that was not taken. */
  get isHere(): boolean {
    return this.#outcome !== undefined
  }

  /** True if that is a batch. */
  get isBatchHere(): boolean {
    return this.#outcome?.type === 'batch'
  }

  /** Asks for the next batch, unless that was done; calls `wake`, once, when something is here. */
  ask(wake: () => void): void {
    this.#wake = wake
    if (this.#outcome !== undefined) return this.#announce()
    if (this.#isAsking) return
    this.#isAsking = true
    this.#batches.next().then(
      ({ done, value }) => this.#came(done === true ? { type: 'end' } : { type: 'batch', records: value }),
      (error: unknown) => this.#came({ type: 'failed', error }),
    )
  }

  /** Takes what is here; undefined if nothing is. Throws the error of the reading. */
  take(): Arrival | undefined {
    const outcome = this.#outcome
    this.#outcome = undefined
    if (outcome?.type === 'failed') throw outcome.error
    return outcome
  }

  #came(outcome: Outcome): void {
    this.#isAsking = false
    this.#outcome = outcome
    this.#announce()
  }

  #announce(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
