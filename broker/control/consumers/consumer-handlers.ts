// The handlers of the operations on registered consumers: they change the catalog, and ask hosts how far a consumer is. Runs in
// the controller. Where a host is down, the answer says so, and leaves out what only that host knows.
import type { RequestOf, ResponseOf, WireConsumer, WireConsumerShard } from '../../../protocol/operations.ts'
import type { consumerOperations } from '../../../protocol/operations/consumers.ts'
import type { HostedConsumerShard } from '../../host-contract.ts'
import type { Context, Handlers } from '../../server/dispatch.ts'
import { withDeadline, type Time } from '../../time.ts'
import { shardsOf, type RegisteredConsumer, type Shard, type Stream } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import { byHost, type HostFleet } from '../hosts/fleet.ts'
import { checkPage, pageOf } from '../pages.ts'
import { knownStream } from '../streams/stream-changes.ts'
import { consumersByName, knownConsumer } from './consumer-changes.ts'
import { consumerReason } from './consumer-reasons.ts'
import type { Consumers } from './consumers.ts'

/** Longest time that a description waits for a host. */
const HOST_DEADLINE_MS = 2_000

type ConsumerOperation = keyof typeof consumerOperations

export interface ConsumerHandlerOptions {
  readonly consumers: Consumers
  readonly catalog: Catalog
  readonly fleet: HostFleet
  readonly time: Time
}

export function consumerHandlers(options: ConsumerHandlerOptions): Handlers<ConsumerOperation> {
  const { consumers, catalog } = options
  const described = (consumer: RegisteredConsumer): WireConsumer => {
    const stream = catalog.state.streams.get(consumer.streamId)
    return wireConsumer(consumer, stream, consumers.isTelling(consumer.streamId))
  }
  return {
    registerConsumer: async (request, { fail, session }) => ({
      consumer: described(await consumers.register(request, session.identity, fail)),
    }),
    deregisterConsumer: async (request, { fail, session }) => {
      await consumers.deregister(request, session.identity, fail)
      return {}
    },
    listConsumers: ({ stream, limit, exclusiveStartName }, { fail }) => {
      checkPage(limit)
      const { state } = catalog
      const { id } = knownStream(state, stream, fail)
      const { page, hasMore } = pageOf(consumersByName(state, id, exclusiveStartName), limit)
      return { consumers: page.map(described), hasMore }
    },
    describeConsumer: async (request, context) => {
      const { consumer, ...shards } = await describeShards(options, request, context)
      return { consumer: described(consumer), ...shards }
    },
  }
}

function wireConsumer(
  { name, createdAt }: RegisteredConsumer,
  stream: Stream | undefined,
  isTelling: boolean,
): WireConsumer {
  const isKept = stream?.status === 'ACTIVE'
  return { name, createdAt, status: !isKept ? 'DELETING' : isTelling ? 'CREATING' : 'ACTIVE' }
}

async function describeShards(
  { catalog, fleet, time }: ConsumerHandlerOptions,
  { stream: name, consumer: wanted, limit, exclusiveStartIndex }: RequestOf<'describeConsumer'>,
  { fail }: Context<'describeConsumer'>,
): Promise<Omit<ResponseOf<'describeConsumer'>, 'consumer'> & { readonly consumer: RegisteredConsumer }> {
  checkPage(limit)
  const { state } = catalog
  const stream = knownStream(state, name, fail)
  const consumer = knownConsumer(state, { stream, consumer: wanted }, fail)
  const { page, hasMore } = pageOf(shardsOf(state, stream.id).values(exclusiveStartIndex), limit)
  const answers = await askHosts({ fleet, time }, consumer, page)
  const now = time.now()
  const shards = page.flatMap((shard) => {
    const host = answers.get(shard.index)
    return shard.state === 'OPEN' || isReadClosed(host) ? [wireShard({ shard, host, stream, now })] : []
  })
  return { consumer, shards, lastIndex: hasMore ? page.at(-1)?.index : undefined }
}

/** True if the consumer has begun to read the closed shard, and is not at its end. */
function isReadClosed(host: HostedConsumerShard | undefined): boolean {
  return host !== undefined && host.next !== null && (host.backlog?.records ?? 0) > 0
}

function wireShard({
  shard,
  host,
  stream,
  now,
}: {
  readonly shard: Shard
  readonly host: HostedConsumerShard | undefined
  readonly stream: Stream
  readonly now: number
}): WireConsumerShard {
  const { subscriber, backlog } = host ?? { subscriber: null, backlog: null }
  const arrival = backlog?.records === 0 ? now : backlog?.oldestArrival
  return {
    shardIndex: shard.index,
    subscriber:
      subscriber === null
        ? undefined
        : {
            address: subscriber.address,
            client: subscriber.client,
            connectedAt: Math.max(0, Math.round(now - subscriber.forMs)),
          },
    next: host?.next ?? undefined,
    recordsBehind: backlog?.records,
    bytesBehind: backlog?.bytes,
    millisBehind: arrival == null ? undefined : Math.max(0, Math.round(now - arrival)),
    recordsPerSecond: Math.round(host?.recordsPerSecond ?? 0),
    bytesPerSecond: Math.round(host?.bytesPerSecond ?? 0),
    ...consumerReason(host, stream.shardLimits),
  }
}

/** Asks the hosts of the shards how far the consumer is; without hosts that are down or slow. */
async function askHosts(
  { fleet, time }: Pick<ConsumerHandlerOptions, 'fleet' | 'time'>,
  { streamId, id: consumerId }: RegisteredConsumer,
  shards: readonly Shard[],
): Promise<ReadonlyMap<number, HostedConsumerShard>> {
  const found = new Map<number, HostedConsumerShard>()
  const ask = async ([hostId, there]: readonly [number, readonly Shard[]]): Promise<void> => {
    const shardIndexes = there.map(({ index }) => index)
    const asked = fleet.call(hostId, 'consumerShards', { streamId, consumerId, shardIndexes })
    const answer = await withDeadline(asked, time, HOST_DEADLINE_MS)
    for (const shard of answer.shards) found.set(shard.shardIndex, shard)
  }
  await Promise.allSettled([...byHost(fleet, shards)].map(ask))
  return found
}
