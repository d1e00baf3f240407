// The operations of the control plane, each a few lines over registry, catalog and fleet. Runs in the controller.
import { limits } from '../../protocol/limits.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type {
  HostAddress,
  OperationOn,
  ShardDescription,
  StreamDescription,
} from '../../protocol/operations.ts'
import type { HostedExtent } from '../host-contract.ts'
import type { Handlers } from '../server/dispatch.ts'
import { shardsOf, type CatalogState, type Shard, type Stream } from './catalog-state.ts'
import type { Catalog } from './catalog.ts'
import type { HostFleet } from './fleet.ts'
import { describeRange, routingOf } from './routing.ts'
import { activeStream, knownStream } from './stream-changes.ts'
import type { StreamRegistry } from './stream-registry.ts'
import { withDeadline, type Timers } from './timers.ts'

/** A description waits no longer than this for what a host knows; it leaves that out instead. */
const EXTENTS_DEADLINE_MS = 2_000

export interface HandlerOptions {
  readonly catalog: Catalog
  readonly registry: StreamRegistry
  readonly fleet: HostFleet
  readonly software: string
  readonly startedAt: number
  /** Where clients reach a host; undefined while nobody knows. */
  readonly addressOf: (hostId: number) => HostAddress | undefined
  /** Free bytes where the data directory lies. */
  readonly freeBytes: () => Promise<number>
  readonly timers: Timers
}

/** Serves the whole control plane. */
export function controlHandlers(options: HandlerOptions): Handlers<OperationOn<'control'>> {
  const { catalog, registry, fleet, timers } = options
  return {
    createStream: async (request) => {
      const stream = await registry.create(request)
      return { stream: describeStream(catalog.state, stream) }
    },
    deleteStream: async (request) => {
      await registry.delete(request)
      return {}
    },
    updateStream: async (request) => {
      const stream = await registry.update(request)
      return { stream: describeStream(catalog.state, stream) }
    },
    describeStream: ({ name }) => ({
      stream: describeStream(catalog.state, knownStream(catalog.state, name)),
    }),
    listStreams: ({ limit, exclusiveStartName }) => {
      checkPage(limit)
      const { state } = catalog
      const names = [...state.streamIdByName.keys()]
        .filter((name) => exclusiveStartName === undefined || name > exclusiveStartName)
        .sort()
      const streams = names.slice(0, limit).map((name) => describeStream(state, knownStream(state, name)))
      return { streams, hasMore: names.length > limit }
    },
    listShards: async ({ name, limit, exclusiveStartIndex = -1 }) => {
      checkPage(limit)
      const { state } = catalog
      const stream = knownStream(state, name)
      const shards = shardsOf(state, stream.id).filter(({ index }) => index > exclusiveStartIndex)
      const page = shards.slice(0, limit)
      const extents = await liveExtents(fleet, page, timers)
      return { shards: page.map((shard) => describeShard(shard, extents)), hasMore: shards.length > limit }
    },
    describeRouting: ({ name }) =>
      routingOf(catalog.state, activeStream(catalog.state, name), fleet, options.addressOf),
    describeBroker: async () => {
      const freeBytes = await options.freeBytes()
      return { ...describeBroker(options), freeBytes }
    },
  }
}

function checkPage(limit: number): void {
  if (limit >= 1) return
  throw new MillraceError(
    'invalidArgument',
    `limit is ${limit}: a page holds from 1 to ${limits.listPageMax}.`,
  )
}

function describeStream(state: CatalogState, stream: Stream): StreamDescription {
  const { id, name, status, retentionMs, createdAt } = stream
  const openShardCount = shardsOf(state, id).filter((shard) => shard.state === 'OPEN').length
  return { name, id, status, openShardCount, retentionMs, createdAt }
}

function describeShard(shard: Shard, extents: ReadonlyMap<number, HostedExtent>): ShardDescription {
  const extent = extents.get(shard.index)
  return {
    ...describeRange(shard),
    startingSequenceNumber: shard.startingSequenceNumber,
    endingSequenceNumber: shard.endingSequenceNumber ?? undefined,
    trimHorizon: extent?.trimHorizon,
    tail: extent?.tail,
  }
}

/** What the hosts know of one stream's shards, by index; nothing from a host that is down or slow. */
async function liveExtents(
  fleet: HostFleet,
  shards: readonly Shard[],
  timers: Timers,
): Promise<ReadonlyMap<number, HostedExtent>> {
  const streamId = shards[0]?.streamId ?? 0
  const hostIds = new Set(shards.map(({ ownerId }) => fleet.hostOf(ownerId).hostId))
  const late = (): Error => new Error('the host took too long')
  const answers = await Promise.allSettled(
    [...hostIds].map((hostId) =>
      withDeadline(fleet.call(hostId, 'describeShards', { streamId }), timers, EXTENTS_DEADLINE_MS, late),
    ),
  )
  const extents = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.extents : []))
  return new Map(extents.map((extent) => [extent.shardIndex, extent]))
}

function describeBroker({ catalog, fleet, software, startedAt }: HandlerOptions) {
  const { state, broker } = catalog
  const shardCountOf = new Map<number, number>()
  for (const shards of state.shards.values()) {
    for (const { ownerId } of shards) {
      const { hostId } = fleet.hostOf(ownerId)
      shardCountOf.set(hostId, (shardCountOf.get(hostId) ?? 0) + 1)
    }
  }
  const hosts = fleet.hosts.map(({ hostId, state: hostState, pid, port = 0, restarts, reason }) => ({
    hostId,
    state: hostState,
    pid,
    port,
    restarts,
    openShards: shardCountOf.get(hostId) ?? 0,
    reason,
  }))
  return {
    brokerId: broker.brokerId,
    software,
    startedAt,
    streamCount: state.streams.size,
    shardCount: state.shardCount,
    hosts,
  }
}
