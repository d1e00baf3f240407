// The rate at which a subscription may send. Host main thread. A subscription is never refused: each delivery waits until it is
// allowed, and holds no bytes meanwhile. A registered consumer has a rate of its own in each shard; what has no consumer
// shares the limit of reads (read-line.ts). The limit is read from the shard's settings each time, so that a change applies to
// the next delivery.
import type { ServedSettings } from '../../../protocol/stream-settings.ts'
import { TokenBucket } from '../../../protocol/shards/token-bucket.ts'
import type { Time } from '../../time.ts'
import { hostLimits } from '../host-limits.ts'

/** What a subscription asks before each delivery. */
export interface Pace {
  /** True if the next delivery may not leave now. */
  readonly mustWait: boolean
  /** How much one delivery should hold. */
  readonly deliveryBytes: number
  /** Calls `task` when the next delivery may leave, or when it is worth looking again; returns what cancels that. */
  wait(task: () => void): () => void
  /** Called when that many bytes were sent. */
  sent(bytes: number): void
}

/** The shard whose settings give the limit; the settings may change between two deliveries. */
export interface PacedShard {
  readonly settings: Pick<ServedSettings, 'shardLimits'>
}

/** The rate of one registered consumer in one shard; it goes on where it was when the consumer subscribes again. */
export class SubscriptionPace implements Pace {
  readonly #shard: PacedShard
  readonly #time: Pick<Time, 'elapsed' | 'after'>
  #bucket: TokenBucket | undefined

  constructor(shard: PacedShard, time: Pick<Time, 'elapsed' | 'after'>) {
    this.#shard = shard
    this.#time = time
  }

  get mustWait(): boolean {
    return this.#waitMs > 0
  }

  /** What one second allows. Larger deliveries would come as bursts with long pauses. */
  get deliveryBytes(): number {
    return this.#perSecond || Infinity
  }

  /** Waits at most for `paceCheckMs`, because the limit may be raised during a long wait. */
  wait(task: () => void): () => void {
    return this.#time.after(Math.min(this.#waitMs, hostLimits.paceCheckMs), task)
  }

  sent(bytes: number): void {
    this.#current()?.take(bytes, this.#time.elapsed())
  }

  get #waitMs(): number {
    return this.#current()?.waitMs(this.#time.elapsed()) ?? 0
  }

  get #perSecond(): number {
    return this.#shard.settings.shardLimits.subscriptionBytesPerSecond
  }

  #current(): TokenBucket | undefined {
    const perSecond = this.#perSecond
    if (perSecond === 0) return (this.#bucket = undefined)
    if (!this.#bucket) return (this.#bucket = new TokenBucket(perSecond))
    if (this.#bucket.perSecond !== perSecond) this.#bucket.setRate(perSecond, this.#time.elapsed())
    return this.#bucket
  }
}
