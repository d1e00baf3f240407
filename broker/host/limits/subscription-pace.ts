// What one subscription may be sent a second. Host main thread.
// A subscription is never refused: its deliveries wait until the balance allows the next, holding nothing meanwhile. The
// limit is looked up in the shard's settings each time, so that a change applies to the next delivery.
import type { Clock } from '../../time.ts'
import type { ServedSettings } from '../../../protocol/stream-settings.ts'
import { TokenBucket } from './token-bucket.ts'

/** Whose settings say how much: they may be others at the next delivery. */
export interface PacedShard {
  readonly settings: Pick<ServedSettings, 'shardLimits'>
}

export class SubscriptionPace {
  readonly #shard: PacedShard
  readonly #elapsed: Clock
  #bucket: TokenBucket | undefined

  constructor(shard: PacedShard, elapsed: Clock) {
    this.#shard = shard
    this.#elapsed = elapsed
  }

  /** How long the next delivery must wait; 0 where it may leave now. */
  get waitMs(): number {
    return this.#current()?.waitMs(this.#elapsed()) ?? 0
  }

  /** How much one delivery should hold: a second's worth, or the subscriber would see bursts and long pauses. */
  get deliveryBytes(): number {
    return this.#perSecond || Infinity
  }

  /** So much was sent. */
  sent(bytes: number): void {
    this.#current()?.take(bytes, this.#elapsed())
  }

  get #perSecond(): number {
    return this.#shard.settings.shardLimits.subscriptionBytesPerSecond
  }

  #current(): TokenBucket | undefined {
    const perSecond = this.#perSecond
    if (perSecond === 0) return (this.#bucket = undefined)
    if (!this.#bucket) return (this.#bucket = new TokenBucket(perSecond))
    if (this.#bucket.perSecond !== perSecond) this.#bucket.setRate(perSecond, this.#elapsed())
    return this.#bucket
  }
}
