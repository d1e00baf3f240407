// Registered consumers as people see them: what the controller tells, with ids and dates. Runs in the client.
import { limits } from '../../protocol/limits.ts'
import type { ResponseOf, WireConsumer, WireConsumerShard } from '../../protocol/operations.ts'
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import type { ControlPlane } from '../connecting/control-plane.ts'
import { invalidAnswer } from '../errors.ts'

/** A registered consumer of a stream: a reader with a throughput of its own in each shard, to which the broker pushes. */
export interface Consumer {
  /** Its name in the stream. */
  readonly name: string
  /** When it was registered. */
  readonly createdAt: Date
  /** CREATING while a host does not know it yet, DELETING while its stream is being deleted, else ACTIVE. */
  readonly status: WireConsumer['status']
}

/** How far a consumer is in one shard, and why it is there. */
export interface ConsumerShard {
  /** The shard. */
  readonly shardId: string
  /** Who receives it; undefined while nobody does. */
  readonly subscriber: ConsumerSubscriber | undefined
  /** The sequence number after the last record sent; undefined if nobody has subscribed since the host started. */
  readonly position: number | undefined
  /** Records from the position to the tail; undefined where it is not known. */
  readonly recordsBehind: number | undefined
  /** Stored bytes from the position to the tail, about. */
  readonly bytesBehind: number | undefined
  /** Age of the oldest record that was not sent; 0 at the tail. */
  readonly millisBehind: number | undefined
  /** Records sent a second, lately. */
  readonly recordsPerSecond: number
  /** Bytes of batches sent a second, lately. */
  readonly bytesPerSecond: number
  /** Why the consumer is where it is. */
  readonly reason: WireConsumerShard['reason']
  /** The reason as a sentence, with names and figures. */
  readonly detail: string
}

/** Who receives a shard as a consumer. */
export interface ConsumerSubscriber {
  /** Where it connects from. */
  readonly address: string
  /** The name that its client gave. */
  readonly client: string
  /** When its subscription began. */
  readonly connectedAt: Date
}

/** A consumer as it is now. */
export interface ConsumerDescription extends Consumer {
  /** The open shards, and those closed ones that it is reading, by index. */
  readonly shards: readonly ConsumerShard[]
}

/** Asks for all of a consumer, a page of shards at a time. Rejects with `streamNotFound` and `consumerNotFound`. */
export async function describeConsumer(
  control: Pick<ControlPlane, 'call'>,
  { stream, consumer }: { readonly stream: string; readonly consumer: string },
  signal?: AbortSignal,
): Promise<ConsumerDescription> {
  const shards: ConsumerShard[] = []
  let exclusiveStartIndex: number | undefined
  for (;;) {
    const request = { stream, consumer, limit: limits.listPageMax, exclusiveStartIndex }
    const page: ResponseOf<'describeConsumer'> = await control.call('describeConsumer', request, signal)
    shards.push(...page.shards.map(consumerShardOf))
    const { lastIndex } = page
    if (lastIndex === undefined) return { ...consumerOf(page.consumer), shards }
    if (exclusiveStartIndex !== undefined && lastIndex <= exclusiveStartIndex) {
      throw invalidAnswer('A page of describeConsumer says that there are more shards, and does not lead on.')
    }
    exclusiveStartIndex = lastIndex
  }
}

export function consumerOf({ name, createdAt, status }: WireConsumer): Consumer {
  return { name, createdAt: new Date(createdAt), status }
}

function consumerShardOf({ shardIndex, subscriber, next, ...same }: WireConsumerShard): ConsumerShard {
  return {
    shardId: shardIdOf(shardIndex),
    subscriber: subscriber && { ...subscriber, connectedAt: new Date(subscriber.connectedAt) },
    position: next,
    recordsBehind: same.recordsBehind,
    bytesBehind: same.bytesBehind,
    millisBehind: same.millisBehind,
    recordsPerSecond: same.recordsPerSecond,
    bytesPerSecond: same.bytesPerSecond,
    reason: same.reason,
    detail: same.detail,
  }
}
