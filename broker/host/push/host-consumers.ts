// The registered consumers of all streams, as the controller told them, and their places at the shards of this host. Host main
// thread. What the controller says replaces what was known: subscriptions of a consumer that is gone end.
import type { HostCalls, HostedConsumerShard, ServedConsumer, StreamConsumers } from '../../host-contract.ts'
import type { Time } from '../../time.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { ShardsByName } from '../shards/shards-contract.ts'
import { ConsumerSeat } from './consumer-seat.ts'

interface KnownConsumer extends ServedConsumer {
  /** By shard index; made when the consumer first subscribes. */
  readonly seats: Map<number, ConsumerSeat>
}

export interface HostConsumersOptions {
  readonly shards: ShardsByName
  readonly time: Pick<Time, 'elapsed' | 'after'>
}

export class HostConsumers {
  readonly #options: HostConsumersOptions
  /** By stream id, then by name. */
  readonly #streams = new Map<number, ReadonlyMap<string, KnownConsumer>>()

  constructor(options: HostConsumersOptions) {
    this.#options = options
  }

  /** Replaces the consumers of a stream. */
  serve({ streamId, consumers }: StreamConsumers): void {
    const before = this.#streams.get(streamId) ?? new Map<string, KnownConsumer>()
    const now = new Map<string, KnownConsumer>()
    for (const consumer of consumers) {
      const known = before.get(consumer.name)
      const isSame = known?.id === consumer.id && known.createdAt === consumer.createdAt
      now.set(consumer.name, isSame ? known : { ...consumer, seats: new Map() })
    }
    if (now.size > 0) this.#streams.set(streamId, now)
    else this.#streams.delete(streamId)
    for (const gone of before.values()) {
      if (now.get(gone.name) === gone) continue
      for (const { live } of gone.seats.values()) {
        live?.end('consumerNotFound', `Consumer ${gone.name} was deregistered.`)
      }
    }
  }

  /** Returns the place of a consumer at a shard; undefined if the stream has no consumer of the name. */
  seatOf(shard: HostedShard, name: string): ConsumerSeat | undefined {
    const consumer = this.#streams.get(shard.streamId)?.get(name)
    if (consumer === undefined) return undefined
    const known = consumer.seats.get(shard.shardIndex)
    if (known?.shard === shard) return known
    const seat = new ConsumerSeat(shard, consumer, this.#options.time)
    consumer.seats.set(shard.shardIndex, seat)
    return seat
  }

  /** Forgets the places at a shard that is not served any more. */
  forgetShard({ streamId, shardIndex }: HostedShard): void {
    for (const { seats } of this.#streams.get(streamId)?.values() ?? []) seats.delete(shardIndex)
  }

  /** Returns where a consumer is in those of the shards that are served here. */
  statesOf({
    streamId,
    consumerId,
    shardIndexes,
  }: HostCalls['consumerShards']['request']): readonly Omit<HostedConsumerShard, 'backlog'>[] {
    const all = [...(this.#streams.get(streamId)?.values() ?? [])]
    const consumer = all.find(({ id }) => id === consumerId)
    return shardIndexes.flatMap((shardIndex) => {
      const shard = this.#options.shards.find(streamId, shardIndex)
      if (shard === undefined) return []
      return consumer?.seats.get(shardIndex)?.state ?? neverSubscribed(shard)
    })
  }

  /** All places at which somebody is subscribed now. */
  *live(): Generator<ConsumerSeat> {
    for (const consumers of this.#streams.values()) {
      for (const { seats } of consumers.values()) {
        for (const seat of seats.values()) if (seat.live !== undefined) yield seat
      }
    }
  }
}

function neverSubscribed({
  streamId,
  shardIndex,
  closed: isClosed,
}: HostedShard): Omit<HostedConsumerShard, 'backlog'> {
  const rates = { recordsPerSecond: 0, bytesPerSecond: 0 }
  return { streamId, shardIndex, isClosed, subscriber: null, next: null, ...rates, standing: 'notConnected' }
}
