// What time it is by the broker's clock, without a request each time. Runs in the client. Between two answers the client's
// monotonic clock goes on. One that stood still while the machine slept shows too early a time; then a batch passes for older
// than it is, and is looked for where that was not needed.
import type { Settings } from '../settings.ts'
import { preparedLimits } from './options.ts'

export class BrokerClock {
  readonly #ask: (signal: AbortSignal) => Promise<number>
  readonly #monotonic: Settings['monotonic']
  #known: { readonly time: number; readonly at: number } | undefined

  constructor(ask: (signal: AbortSignal) => Promise<number>, { monotonic }: Pick<Settings, 'monotonic'>) {
    this.#ask = ask
    this.#monotonic = monotonic
  }

  /** The time, as of an answer that is not too old. */
  async time(signal: AbortSignal): Promise<number> {
    const known = this.#known
    if (known === undefined || this.#monotonic() - known.at >= preparedLimits.clockAgeMs)
      return this.ask(signal)
    // Plans keep whole numbers.
    return known.time + Math.floor(this.#monotonic() - known.at)
  }

  /** The time, as the broker says now. */
  async ask(signal: AbortSignal): Promise<number> {
    const time = await this.#ask(signal)
    // As of when the answer came: never later than it is.
    this.#known = { time, at: this.#monotonic() }
    return time
  }
}
