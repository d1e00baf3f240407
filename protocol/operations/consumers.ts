// The operations on registered consumers: readers of a stream with a name and a throughput of their own, to which hosts push
// (Kinesis' enhanced fan-out). Control plane: served by the controller, which asks hosts how far each consumer is.
// A consumer belongs to one stream, and goes with it. To receive records, subscribe as the consumer at the hosts.
import { limits } from '../limits.ts'
import { field, type ValueOf } from '../shapes.ts'
import { consumerName, shardIndex, streamName, timeMs } from '../structs.ts'
import { may } from './grant-rule.ts'
import type { OperationFamily } from './operation.ts'

/** A registered consumer. */
export const consumerShape = {
  name: consumerName,
  createdAt: timeMs('When it was registered'),
  status: field.choice(
    ['CREATING', 'ACTIVE', 'DELETING'],
    'CREATING: not all hosts of the stream know it yet; DELETING: its stream is being deleted.',
  ),
} as const

/** Who receives a shard as a consumer. */
const subscriberShape = {
  address: field.string(limits.textBytesMax, 'Where it connects from.'),
  client: field.string(limits.textBytesMax, 'Name and version that the client gave.'),
  connectedAt: timeMs('When its subscription began'),
} as const

/** How far a consumer is in one shard, with the reason why it is there. */
export const consumerShardShape = {
  shardIndex,
  subscriber: field.optional(field.struct(subscriberShape, 'Absent while nobody is subscribed.')),
  next: field.optional(
    field.uint(
      'The number after the last record sent; absent if nobody has subscribed since the host started.',
    ),
  ),
  recordsBehind: field.optional(field.uint('Records from there to the tail; absent where it is not known.')),
  bytesBehind: field.optional(field.uint('Bytes of stored batches from there to the tail, about.')),
  millisBehind: field.optional(
    field.uint('Age of the oldest record that was not sent; 0 at the tail, absent if it is not known.'),
  ),
  recordsPerSecond: field.uint('Records sent a second, lately.'),
  bytesPerSecond: field.uint('Bytes of batches sent a second, lately.'),
  reason: field.choice(
    ['caughtUp', 'reading', 'waitingForCredit', 'slowReader', 'throttled', 'notConnected', 'unreachable'],
    'Why the consumer is where it is in the shard.',
  ),
  detail: field.string(limits.textBytesMax, 'The reason as a sentence, with names and figures.'),
} as const

const consumer = field.struct(consumerShape, 'The consumer.')

export const consumerOperations = {
  registerConsumer: {
    id: 80,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Registers a consumer of a stream. Answers when it is on the disk and all hosts of the stream know it.',
    grant: [may('read', 'stream', 'stream')],
    request: { stream: streamName, consumer: consumerName },
    response: { consumer },
    errors: ['streamNotFound', 'streamBusy', 'consumerExists', 'limitExceeded'],
  },
  describeConsumer: {
    id: 81,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Describes a consumer, and a page of its shards with their lag and the reason for it. Closed shards are left out once they are read to their end, and where nobody reads them.',
    grant: [may('describe', 'stream', 'stream')],
    request: {
      stream: streamName,
      consumer: consumerName,
      limit: field.uint('Shards to look at.', limits.listPageMax),
      exclusiveStartIndex: field.optional(shardIndex),
    },
    response: {
      consumer,
      shards: field.list(
        field.struct(consumerShardShape, 'A shard.'),
        limits.listPageMax,
        'In the order of their indexes.',
      ),
      lastIndex: field.optional(
        field.uint('More shards follow: ask again from this index.', limits.shardIndexMax),
      ),
    },
    errors: ['streamNotFound', 'consumerNotFound'],
  },
  listConsumers: {
    id: 82,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Lists the consumers of a stream by name, a page at a time.',
    grant: [may('describe', 'stream', 'stream')],
    request: {
      stream: streamName,
      limit: field.uint('Consumers in the page.', limits.listPageMax),
      exclusiveStartName: field.optional(consumerName),
    },
    response: {
      consumers: field.list(
        field.struct(consumerShape, 'A consumer.'),
        limits.listPageMax,
        'In the order of their names.',
      ),
      hasMore: field.boolean('More consumers follow: ask again from the last name.'),
    },
    errors: ['streamNotFound'],
  },
  deregisterConsumer: {
    id: 83,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Deregisters a consumer: its subscriptions end with consumerNotFound.',
    grant: [may('read', 'stream', 'stream')],
    request: { stream: streamName, consumer: consumerName },
    response: {},
    errors: ['streamNotFound', 'consumerNotFound'],
  },
} as const satisfies OperationFamily

export type WireConsumer = ValueOf<typeof consumerShape>
export type WireConsumerShard = ValueOf<typeof consumerShardShape>
