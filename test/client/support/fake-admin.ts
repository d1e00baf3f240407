// The control plane of the fake broker: describes its one stream, and does to it what is asked, at once. Requests that
// change settings are kept as they came, for a test to look at.
import {
  hashKeyFromBytes,
  hashKeyToBytes,
  middleOf,
  splitRange,
  type HashKeyRange,
  type OperationName,
  type RequestMessage,
  type RequestOf,
  type ResponseOf,
} from '../../../protocol/index.ts'
import { settingDefaults } from '../../../protocol/stream-settings.ts'
import { BASE_TIME, type FakeShard } from './fake-shard.ts'

/** What the control plane needs of the fake broker. */
export interface Administered {
  readonly streamName: string
  readonly streamId: number
  readonly epoch: number
  readonly shards: readonly FakeShard[]
  readonly openShards: readonly FakeShard[]
  readonly hosts: ReadonlyMap<number, { port: number }>
  readonly advertisedHost: string
  readonly settings: RequestOf<'createStream' | 'updateStream'>[]
  readonly decisions: ResponseOf<'explainScaling'>['decisions']
  targetShardCount: number | undefined
  /** What another request brings the stream to, whatever this one asks for. */
  otherGoal: number | undefined
  split(...indexes: number[]): void
  merge(index: number, adjacent: number): void
  reshard(moves: readonly { parents: number[]; ranges: HashKeyRange[] }[]): number[]
}

/** Answers a request of the control plane; undefined for one that the fake does not know. */
export function administer(
  broker: Administered,
  { operation, request }: RequestMessage,
): ResponseOf<OperationName> | undefined {
  switch (operation) {
    case 'createStream':
    case 'updateStream':
      broker.settings.push(request)
      return { stream: describe(broker) }
    case 'describeStream':
      return { stream: describe(broker) }
    case 'listStreams':
      return { streams: [describe(broker)], hasMore: false }
    case 'describeBroker':
      return describeBroker(broker)
    case 'listShards':
      return { shards: broker.shards.map((shard) => describeShard(shard)), hasMore: false }
    case 'splitShard':
      return split(broker, request)
    case 'mergeShards': {
      broker.merge(request.shardIndex, request.adjacentShardIndex)
      return { child: broker.shards.length - 1, epoch: broker.epoch }
    }
    case 'updateShardCount':
      return { stream: stepTowards(broker, broker.otherGoal ?? request.shardCount) }
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
    default:
      return undefined
  }
}

/** The answer to describeRouting. */
export function routingOf(broker: Administered): ResponseOf<'describeRouting'> {
  return {
    streamId: broker.streamId,
    epoch: broker.epoch,
    hosts: [...broker.hosts].map(([hostId, { port }]) => ({ hostId, host: broker.advertisedHost, port })),
    shards: broker.shards
      .filter(({ isGone }) => !isGone)
      .map(({ index, range, state, hostId, parents, start }) => ({
        index,
        parents,
        startingHashKey: hashKeyToBytes(range.start),
        endingHashKey: hashKeyToBytes(range.end),
        state,
        hostId,
        startingSequenceNumber: start,
        closedAt: undefined,
      })),
  }
}

function split(broker: Administered, request: RequestOf<'splitShard'>): ResponseOf<'splitShard'> {
  const { range } = broker.shards[request.shardIndex]!
  const given = request.newStartingHashKeys.map((key) => hashKeyFromBytes(key))
  const ranges = splitRange(range, given.length > 0 ? given : [middleOf(range)!])
  return { children: broker.reshard([{ parents: [request.shardIndex], ranges }]), epoch: broker.epoch }
}

/** One wave of splits an answer, as a broker does that takes longer than a request may. */
function stepTowards(broker: Administered, shardCount: number): ResponseOf<'updateShardCount'>['stream'] {
  broker.targetShardCount = shardCount
  const { openShards } = broker
  const count = Math.min(openShards.length, shardCount - openShards.length)
  broker.split(...openShards.slice(0, count).map(({ index }) => index))
  if (broker.openShards.length === shardCount) broker.targetShardCount = undefined
  return describe(broker)
}

function describe(broker: Administered): ResponseOf<'describeStream'>['stream'] {
  return {
    name: broker.streamName,
    id: broker.streamId,
    status: broker.targetShardCount === undefined ? 'ACTIVE' : 'UPDATING',
    openShardCount: broker.openShards.length,
    createdAt: BASE_TIME,
    ...settingDefaults,
    mode: broker.settings.at(-1)?.mode ?? 'provisioned',
    scaling: { shardsMin: 1, shardsMax: 64, targetBytesPerSecond: 1000, targetRecordsPerSecond: 100 },
    targetShardCount: broker.targetShardCount,
    epoch: broker.epoch,
  }
}

function describeShard(shard: FakeShard): ResponseOf<'listShards'>['shards'][number] {
  const isClosed = shard.state === 'CLOSED'
  return {
    index: shard.index,
    parents: shard.parents,
    startingHashKey: hashKeyToBytes(shard.range.start),
    endingHashKey: hashKeyToBytes(shard.range.end),
    state: shard.state,
    startingSequenceNumber: shard.start,
    endingSequenceNumber: isClosed && shard.tail > shard.start ? shard.tail - 1 : undefined,
    trimHorizon: shard.trimHorizon,
    tail: shard.tail,
    bytes: shard.batches.reduce((bytes, batch) => bytes + batch.length, 0),
    createdAt: BASE_TIME,
    closedAt: isClosed ? BASE_TIME + 1 : undefined,
    load: {
      bytesPerSecond10s: 30,
      bytesPerSecond2m: 20,
      bytesPerSecond10m: 10,
      recordsPerSecond10s: 3,
      recordsPerSecond2m: 2,
      recordsPerSecond10m: 1,
      hotHashKey: hashKeyToBytes(shard.range.start),
      hotPercent: 70,
    },
  }
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
