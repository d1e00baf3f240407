// The place of one registered consumer at one shard: its rate, its subscription, and how far it is. Host main thread.
// At most one subscription is live in it. A later one takes its place, but not in its first five seconds: so two processes that
// believe to be the same consumer do not throw each other out at every attempt (the rule of Kinesis' SubscribeToShard).
import { limits } from '../../../protocol/limits.ts'
import type { Fail } from '../../../protocol/refusal.ts'
import type { ConsumerStanding, HostedConsumerShard, ServedConsumer } from '../../host-contract.ts'
import type { Time } from '../../time.ts'
import { SubscriptionPace, type Pace } from '../limits/subscription-pace.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import { DeliveryRate } from './delivery-rate.ts'

/** The subscription in a seat. */
export interface SeatedSubscription {
  readonly next: number
  readonly standing: ConsumerStanding
  readonly from: { readonly remote: string; readonly client: string }
  end(code: 'consumerDisplaced' | 'consumerNotFound', message: string): void
}

export class ConsumerSeat {
  readonly shard: HostedShard
  /** Outlives single subscriptions: who subscribes again gets no second burst. */
  readonly pace: Pace
  readonly consumer: string
  /** Who registered the consumer; null for nobody. */
  readonly principal: string | null
  readonly #label: string
  readonly #time: Pick<Time, 'elapsed' | 'after'>
  readonly #records = new DeliveryRate()
  readonly #bytes = new DeliveryRate()
  #live: SeatedSubscription | undefined
  #takenAt = 0
  #next: number | null = null

  constructor(
    shard: HostedShard,
    { name, principal }: Pick<ServedConsumer, 'name' | 'principal'>,
    time: Pick<Time, 'elapsed' | 'after'>,
  ) {
    this.shard = shard
    this.consumer = name
    this.principal = principal
    this.#label = `consumer ${name} at ${shard.label}`
    this.#time = time
    this.pace = new SubscriptionPace(shard, time)
  }

  /** The live subscription, if there is one. */
  get live(): SeatedSubscription | undefined {
    return this.#live
  }

  /** Ends the subscription that is there, or refuses with the time after which it may be displaced. */
  clear(fail: Fail<'consumerInUse'>): void {
    if (this.#live === undefined) return
    const heldMs = this.#time.elapsed() - this.#takenAt
    const retryAfterMs = Math.ceil(limits.consumerHoldMs - heldMs)
    if (retryAfterMs > 0) {
      fail('consumerInUse', `A subscription of ${this.#label} began ${Math.round(heldMs)} ms ago.`, {
        retryAfterMs,
      })
    }
    this.#live.end(
      'consumerDisplaced',
      `A later subscription of ${this.#label} has taken the place of this one.`,
    )
  }

  /** Gives the seat, which is clear, to a subscription. */
  take(subscription: SeatedSubscription): void {
    this.#live = subscription
    this.#takenAt = this.#time.elapsed()
  }

  /** Called when a subscription has ended. */
  leave(subscription: SeatedSubscription): void {
    if (this.#live !== subscription) return
    this.#next = subscription.next
    this.#live = undefined
  }

  /** Called with what was sent. */
  sent(records: number, bytes: number): void {
    const now = this.#time.elapsed()
    this.#records.add(records, now)
    this.#bytes.add(bytes, now)
  }

  /** Where the consumer is in the shard, without what lies behind it. */
  get state(): Omit<HostedConsumerShard, 'backlog'> {
    const { streamId, shardIndex, closed: isClosed } = this.shard
    const now = this.#time.elapsed()
    const live = this.#live
    return {
      streamId,
      shardIndex,
      isClosed,
      subscriber:
        live === undefined
          ? null
          : { address: live.from.remote, client: live.from.client, forMs: now - this.#takenAt },
      next: live?.next ?? this.#next,
      recordsPerSecond: this.#records.perSecond(now),
      bytesPerSecond: this.#bytes.perSecond(now),
      standing: live?.standing ?? 'notConnected',
    }
  }
}
