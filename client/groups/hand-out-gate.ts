// Whether records may be handed to handlers now: not while the group is paused, nor while the member cannot be sure of its
// leases. Runs in the client. A shard that closes waits no longer; handlers that are at work when the time of the lease is
// over without a renewal are told.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { deferred, type Deferred } from '../waiting.ts'
import type { LeasedShard } from './processing/leased-shard.ts'

export interface HandOutGateOptions {
  readonly monotonic: () => number
  /** Until when the member may trust its leases, as it is known now. */
  readonly sureUntil: () => number
  /** The time of the lease is over, and it was not renewed: others may have the shards. */
  readonly onDoubt: (error: MillraceError) => void
}

export class HandOutGate {
  readonly #options: HandOutGateOptions
  #doubtTimer: NodeJS.Timeout | undefined
  /** Opened, again and again, when something changes that keeps records from being handed out. */
  #opening: Deferred<void> | undefined
  #isPaused = false
  #sureUntil = -Infinity

  constructor(options: HandOutGateOptions) {
    this.#options = options
  }

  /** The group is paused, or goes on. */
  paused(isPaused: boolean): void {
    this.#isPaused = isPaused
    if (!isPaused) this.look()
  }

  /** The leases were renewed. */
  renewed(): void {
    const { sureUntil, monotonic } = this.#options
    this.#sureUntil = sureUntil()
    this.look()
    const inMs = this.#sureUntil - monotonic()
    this.#doubtTimer ??= setTimeout(() => this.#doubt(), Math.max(0, Math.ceil(inMs)))
  }

  /** Has those that wait look again: the shard of one of them may be closing. */
  look(): void {
    this.#opening?.resolve()
    this.#opening = undefined
  }

  /** Undefined if records of the shard may be handed out now; else fulfils when they may, or the shard closes. */
  wait(shard: LeasedShard): Promise<void> | undefined {
    return this.#isOpen ? undefined : this.#whenOpen(shard)
  }

  /** Doubts nothing any more. */
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
