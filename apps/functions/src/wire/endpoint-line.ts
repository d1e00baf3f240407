// The turns of one HTTP endpoint. Runs in the app, pure. Of an endpoint that takes one call at a time, a call that was given up here keeps its turn
// until it has ended there: AWS' Runtime Interface Emulator panics when it is called during a call.
import { Slots } from '../runtime/slots.ts'

/** The endpoint has a call still that was given up. */
export class StillCalled extends Error {
  override readonly name = 'StillCalled'

  constructor(requestId: string) {
    super(
      `It still has the call ${requestId}, which was given up, and is called again when that has ended there.`,
    )
  }
}

export class EndpointLine {
  /** The endpoint takes one call at a time. */
  readonly isExclusive: boolean
  readonly #slots: Slots
  /** Fires while the endpoint has a call that was given up. */
  #givenUp = new AbortController()

  constructor(callsAtOnce: number, waitingMax: number) {
    this.isExclusive = callsAtOnce === 1
    this.#slots = new Slots(callsAtOnce, waitingMax)
  }

  /** Nobody calls, and nobody waits. */
  get isIdle(): boolean {
    return this.#slots.taken === 0
  }

  /** Fulfils when it is this call's turn; `free` is to be called once then. Rejects with StillCalled, NoRoom, or the reason of the signal. */
  async take(signal: AbortSignal | undefined): Promise<void> {
    if (!this.isExclusive) return this.#slots.take(signal)
    const givenUp = this.#givenUp.signal
    await this.#slots.take(signal === undefined ? givenUp : AbortSignal.any([signal, givenUp]))
  }

  /** The call that has the turn is given up, and the endpoint has it still: nobody waits for its end. */
  giveUp(requestId: string): void {
    this.#givenUp.abort(new StillCalled(requestId))
  }

  /** The call has ended there. */
  free(): void {
    if (this.#givenUp.signal.aborted) this.#givenUp = new AbortController()
    this.#slots.free()
  }
}
