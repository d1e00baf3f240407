// Runs a look at hosts again and again while the controller runs, one after the other. Each pause begins at the end of a
// look, because a look takes as long as the hosts that it asks.
import { crash } from '../channels/calls.ts'
import type { Time } from '../time.ts'

export class Looks {
  readonly #everyMs: number
  readonly #time: Time
  readonly #look: () => Promise<void>
  #cancel: (() => void) | undefined
  #isStopped = false

  /** `look` handles the failures of hosts itself: if it rejects, that is a defect, and the process ends. */
  constructor(everyMs: number, time: Time, look: () => Promise<void>) {
    this.#everyMs = everyMs
    this.#time = time
    this.#look = look
  }

  /** True after `stop`: a look that is under way changes nothing more. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  start(): void {
    if (this.#isStopped) return
    this.#cancel = this.#time.after(this.#everyMs, () => {
      this.#look().then(
        () => this.start(),
        (error: Error) => crash(error),
      )
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }
}
