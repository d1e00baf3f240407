// The control plane of the fake broker: describes its one stream, and does to it what is asked, at once. Requests that
// change settings are kept as they came, for a test to look at.
import { describeShard, describeStream } from '../../../broker/control/descriptions.ts'
import type { Cause } from '../../../broker/control/resharding/journal.ts'
import type { ReshardIntent } from '../../../broker/control/resharding/plan.ts'
import { describeRange } from '../../../broker/control/routing.ts'
import {
  hashKeyFromBytes,
  hashKeyToBytes,
  hashKeyToHex,
  type OperationName,
  type RequestMessage,
  type RequestOf,
  type ResponseOf,
} from '../../../protocol/index.ts'
import { BASE_TIME, type FakeCatalog } from './fake-catalog.ts'
import type { FakeShard } from './fake-shard.ts'

/** What the control plane needs of the fake broker. */
export interface Administered {
  readonly streamId: number
  readonly catalog: FakeCatalog
  readonly shards: readonly FakeShard[]
  readonly openShards: readonly FakeShard[]
  readonly hosts: ReadonlyMap<number, { port: number }>
  readonly advertisedHost: string
  readonly settings: RequestOf<'createStream' | 'updateStream'>[]
  readonly decisions: ResponseOf<'explainScaling'>['decisions']
  change(intents: readonly ReshardIntent[], cause: Cause): number[]
  stepTowards(target: number): void
}

/** Answers a request of the control plane; undefined for one that the fake does not know. */
export function administer(
  broker: Administered,
  { operation, request }: RequestMessage,
): ResponseOf<OperationName> | undefined {
  switch (operation) {
    case 'createStream':
      broker.settings.push(request)
      broker.catalog.create(request)
      return { stream: describe(broker) }
    case 'updateStream':
      broker.settings.push(request)
      broker.catalog.update(request)
      return { stream: describe(broker) }
    case 'describeStream':
      return { stream: describe(broker) }
    case 'listStreams':
      return { streams: [describe(broker)], hasMore: false }
    case 'describeBroker':
      return describeBroker(broker)
    case 'listShards':
      return listShards(broker, request)
    case 'splitShard': {
      const at = request.newStartingHashKeys.map((key) => hashKeyToHex(hashKeyFromBytes(key)))
      const children = broker.change([{ split: request.shardIndex, at }], 'split')
      return { children, epoch: broker.catalog.stream.epoch }
    }
    case 'mergeShards': {
      const [child] = broker.change([{ merge: [request.shardIndex, request.adjacentShardIndex] }], 'merge')
      return { child: child!, epoch: broker.catalog.stream.epoch }
    }
    case 'updateShardCount':
      broker.stepTowards(request.shardCount)
      return { stream: describe(broker) }
    case 'explainScaling':
      return { mode: 'provisioned', scaling: describe(broker).scaling, decisions: broker.decisions }
    // It keeps no documents.
    case 'putDocument':
      return { version: 1 }
    case 'deleteDocument':
      return {}
    case 'listDocuments':
      return { documents: [], hasMore: false, version: 1 }
    case 'getDocument':
      return { document: { name: request.name, version: 1, updatedAt: BASE_TIME, content: Buffer.from('1') } }
    case 'registerConsumer':
      return { consumer: describeConsumer(request.consumer) }
    case 'deregisterConsumer':
      return {}
    case 'listConsumers':
      return { consumers: [describeConsumer('dashboard')], hasMore: false }
    case 'describeConsumer':
      return { consumer: describeConsumer(request.consumer), shards: [], lastIndex: undefined }
    // Nor groups, unless FakeGroups does.
    case 'deleteGroup':
    case 'pauseGroup':
    case 'saveProgress':
      return {}
    case 'loadProgress':
      return { progress: undefined }
    case 'resetGroup':
      return { progress: { streamId: 1, shardsBelow: 0, shards: [], from: undefined } }
    case 'listGroups':
      return { groups: [describeGroup('billing')], hasMore: false }
    case 'describeGroup':
      return { group: describeGroup(request.group), members: [member], shards: [groupShard], hasMore: false }
    default:
      return undefined
  }
}

function describeConsumer(name: string): ResponseOf<'registerConsumer'>['consumer'] {
  return { name, createdAt: BASE_TIME, status: 'ACTIVE' }
}

/** A group that reads one stream, by one member. */
function describeGroup(name: string): ResponseOf<'describeGroup'>['group'] {
  const counts = { members: 1, shards: 1 }
  return { name, createdAt: BASE_TIME, streams: ['clicks'], ...counts, isPaused: false, goneStreams: [] }
}

const member = {
  memberId: 'm0',
  address: '127.0.0.1:5000',
  joinedAt: BASE_TIME,
  renewedMsAgo: 1500,
  leaseMs: 10_000,
  shards: 1,
}

const groupShard: ResponseOf<'describeGroup'>['shards'][number] = {
  streamName: 'clicks',
  shardIndex: 0,
  memberId: 'm0',
  epoch: 1,
  next: 5,
  checkpointedAt: BASE_TIME,
  recordsBehind: 7,
  bytesBehind: 2048,
  millisBehind: 1500,
  recordsPerSecond: 40,
  reason: 'handlerSlow',
  detail: 'The handler is slow.',
}

/** The answer to describeRouting. */
export function routingOf(broker: Administered): ResponseOf<'describeRouting'> {
  return {
    streamId: broker.streamId,
    epoch: broker.catalog.stream.epoch,
    hosts: [...broker.hosts].map(([hostId, { port }]) => ({ hostId, host: broker.advertisedHost, port })),
    shards: broker.catalog.shards.map((shard) => ({
      ...describeRange(shard),
      hostId: broker.shards[shard.index]!.hostId,
      startingSequenceNumber: shard.startingSequenceNumber,
      closedAt: shard.closedAt ?? undefined,
    })),
  }
}

function describe({ catalog, streamId }: Administered): ResponseOf<'describeStream'>['stream'] {
  return { ...describeStream(catalog.state, catalog.stream), id: streamId }
}

function listShards(
  { catalog, shards }: Administered,
  { limit, exclusiveStartIndex = -1 }: RequestOf<'listShards'>,
): ResponseOf<'listShards'> {
  const rows = catalog.shards.filter(({ index }) => index > exclusiveStartIndex)
  const page = rows.slice(0, limit)
  const described = page.map((row) => {
    const { hosted, range } = shards[row.index]!
    return describeShard(row, hosted.extent, { ...someLoad, hotHashKey: hashKeyToBytes(range.start) })
  })
  return { shards: described, hasMore: page.length < rows.length }
}

const someLoad = {
  bytesPerSecond10s: 30,
  bytesPerSecond2m: 20,
  bytesPerSecond10m: 10,
  recordsPerSecond10s: 3,
  recordsPerSecond2m: 2,
  recordsPerSecond10m: 1,
  hotPercent: 70,
}

function describeBroker(broker: Administered): ResponseOf<'describeBroker'> {
  const hosts = [...broker.hosts].map(([hostId, { port }]) => {
    const openShards = broker.openShards.filter((shard) => shard.hostId === hostId).length
    return { hostId, state: 'ready' as const, pid: 1, port, openShards, restarts: 0, reason: undefined }
  })
  return {
    brokerId: 'fake',
    software: 'fake',
    startedAt: BASE_TIME,
    streamCount: 1,
    shardCount: broker.shards.length,
    freeBytes: 0,
    hosts,
  }
}
