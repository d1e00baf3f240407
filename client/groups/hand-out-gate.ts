// Holds records back from handlers while the group is paused, and while the member cannot be sure of its leases. Runs in the
// client. A closing shard does not wait. Running handlers are told when the time of the lease ends without a renewal.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { deferred, type Deferred } from '../waiting.ts'
import type { LeasedShard } from './processing/leased-shard.ts'

export interface HandOutGateOptions {
  readonly monotonic: () => number
  /** Returns the moment until which the member may trust its leases, as far as renewals are known now. */
  readonly sureUntil: () => number
  /** Called when the time of the lease ends without a renewal: other members may have the shards. */
  readonly onDoubt: (error: MillraceError) => void
}

export class HandOutGate {
  readonly #options: HandOutGateOptions
  #doubtTimer: NodeJS.Timeout | undefined
  /** Resolved at each change that may let records pass; the next wait makes a new one. */
  #opening: Deferred<void> | undefined
  #isPaused = false
  #sureUntil = -Infinity

  constructor(options: HandOutGateOptions) {
    this.#options = options
  }

  /** Called when the group is paused or resumed. */
  paused(isPaused: boolean): void {
    this.#isPaused = isPaused
    if (!isPaused) this.look()
  }

  /** Called when the leases were renewed. */
  renewed(): void {
    const { sureUntil, monotonic } = this.#options
    this.#sureUntil = sureUntil()
    this.look()
    const inMs = this.#sureUntil - monotonic()
    this.#doubtTimer ??= setTimeout(() => this.#doubt(), Math.max(0, Math.ceil(inMs)))
  }

  /** Makes all waits check again, since the shard of one of them may be closing. */
  look(): void {
    this.#opening?.resolve()
    this.#opening = undefined
  }

  /** Returns undefined if records may be handed out now; else a promise that fulfils when they may, or the shard closes. */
  wait(shard: LeasedShard): Promise<void> | undefined {
    return this.#isOpen ? undefined : this.#whenOpen(shard)
  }

  /** Stops the timer: `onDoubt` is not called any more. */
  end(): void {
    clearTimeout(this.#doubtTimer)
  }

  async #whenOpen(shard: LeasedShard): Promise<void> {
    while (!this.#isOpen && !shard.isClosing) await (this.#opening ??= deferred()).promise
  }

  get #isOpen(): boolean {
    return !this.#isPaused && this.#isSure
  }

  get #isSure(): boolean {
    const { sureUntil, monotonic } = this.#options
    const now = monotonic()
    if (now < this.#sureUntil) return true
    this.#sureUntil = sureUntil()
    return now < this.#sureUntil
  }

  #doubt(): void {
    this.#doubtTimer = undefined
    if (this.#isSure) {
      this.renewed()
      return
    }
    const message = 'The lease was not renewed in time: another member may have the shard.'
    this.#options.onDoubt(new MillraceError('leaseLost', message))
  }
}
