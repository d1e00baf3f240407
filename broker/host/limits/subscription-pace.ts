// The limit in bytes a second of one subscription. Host main thread.
// A subscription is never refused. Each delivery waits until the balance allows it, and holds no bytes meanwhile. The limit
// is read from the shard's settings each time, so that a change applies to the next delivery.
import type { Clock } from '../../time.ts'
import type { ServedSettings } from '../../../protocol/stream-settings.ts'
import { TokenBucket } from '../../../protocol/shards/token-bucket.ts'

/** The shard whose settings give the limit; the settings may change between two deliveries. */
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

  /** How long the next delivery must wait; 0 if it may leave now. */
  get waitMs(): number {
    return this.#current()?.waitMs(this.#elapsed()) ?? 0
  }

  /** How much one delivery should hold: what one second allows. Larger ones would come as bursts with long pauses. */
  get deliveryBytes(): number {
    return this.#perSecond || Infinity
  }

  /** Called when that many bytes were sent. */
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
