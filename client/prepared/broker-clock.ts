// What time it is by the broker's clock, without a request each time. Runs in the client. Between two answers the client's
// monotonic clock goes on. That one stands still while the machine sleeps, and the time would be too early by the sleep: a batch
// would pass for younger than it is. So where the client's two clocks differ in how long it has been, the broker is asked.
import type { Settings } from '../settings.ts'
import { preparedLimits } from './options.ts'

export class BrokerClock {
  readonly #ask: (signal: AbortSignal) => Promise<number>
  readonly #monotonic: Settings['monotonic']
  readonly #wall: Settings['clock']
  #known: { readonly time: number; readonly at: number; readonly wall: number } | undefined

  constructor(
    ask: (signal: AbortSignal) => Promise<number>,
    { monotonic, clock }: Pick<Settings, 'monotonic' | 'clock'>,
  ) {
    this.#ask = ask
    this.#monotonic = monotonic
    this.#wall = clock
  }

  /** The time, as of an answer that is not too old. */
  async time(signal: AbortSignal): Promise<number> {
    const known = this.#known
    if (known === undefined) return this.ask(signal)
    const elapsed = this.#monotonic() - known.at
    const hasSlept = Math.abs(this.#wall() - known.wall - elapsed) > preparedLimits.clocksApartMs
    if (hasSlept || elapsed >= preparedLimits.clockAgeMs) return this.ask(signal)
    // Plans keep whole numbers.
    return known.time + Math.floor(elapsed)
  }

  /** The time, as the broker says now. */
  async ask(signal: AbortSignal): Promise<number> {
    const time = await this.#ask(signal)
    // As of when the answer came: never later than it is.
    this.#known = { time, at: this.#monotonic(), wall: this.#wall() }
    return time
  }
}
