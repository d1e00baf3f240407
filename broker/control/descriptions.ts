// Describes streams, shards and the broker in terms of the protocol, for answers of the control plane. Runs in the
// controller. The catalog alone decides what exists; what only hosts know (extents, loads) is left out where a host is down.
import type { ResponseOf, ShardDescription, ShardLoad, StreamDescription } from '../../protocol/operations.ts'
import type { HostedExtent } from '../host-contract.ts'
import { withDeadline, type Time } from '../time.ts'
import { openShardsOf, type CatalogState, type Shard, type Stream } from './catalog-state.ts'
import { byHost, type HostFleet } from './hosts/fleet.ts'
import { describeRange } from './routing.ts'
import { settingsOf } from './streams/stream-settings.ts'

/** Longest time that a description waits for a host; then it leaves out what the host knows. */
const EXTENTS_DEADLINE_MS = 2_000

export function describeStream(state: CatalogState, stream: Stream): StreamDescription {
  const { id, name, createdAt, epoch } = stream
  const isChanging = state.journals.has(id) || stream.targetShardCount !== null
  return {
    name,
    id,
    status: stream.status === 'ACTIVE' && isChanging ? 'UPDATING' : stream.status,
    openShardCount: openShardsOf(state, id).size,
    createdAt,
    ...settingsOf(stream),
    targetShardCount: stream.targetShardCount ?? undefined,
    epoch,
  }
}

/** Describes a shard, with extent and load where its host has reported them. */
export function describeShard(
  shard: Shard,
  extent: HostedExtent | undefined,
  load: ShardLoad | undefined,
): ShardDescription {
  return {
    ...describeRange(shard),
    startingSequenceNumber: shard.startingSequenceNumber,
    endingSequenceNumber: shard.endingSequenceNumber ?? undefined,
    trimHorizon: extent?.trimHorizon,
    tail: extent?.tail,
    bytes: extent?.bytes,
    createdAt: shard.createdAt,
    closedAt: shard.closedAt ?? undefined,
    load,
  }
}

/** Answers of hosts on shards of one stream: extents by shard index, and the ids of the hosts that answered. */
export interface LiveExtents {
  readonly extents: ReadonlyMap<number, HostedExtent>
  readonly answered: ReadonlySet<number>
}

/** Asks the hosts for the extents of shards of one stream; leaves out a host that is down or slow. */
export async function liveExtents(
  fleet: HostFleet,
  shards: readonly Shard[],
  time: Time,
): Promise<LiveExtents> {
  const streamId = shards[0]?.streamId ?? 0
  const extents = new Map<number, HostedExtent>()
  const answered = new Set<number>()
  const ask = async ([hostId, there]: readonly [number, readonly Shard[]]): Promise<void> => {
    // Names the shards, because a stream may have far more shards than this request asks about.
    const shardIndexes = there.map(({ index }) => index)
    const asked = fleet.call(hostId, 'describeShards', { streamId, shardIndexes })
    const answer = await withDeadline(asked, time, EXTENTS_DEADLINE_MS)
    answered.add(hostId)
    for (const extent of answer.extents) extents.set(extent.shardIndex, extent)
  }
  await Promise.allSettled([...byHost(fleet, shards)].map(ask))
  return { extents, answered }
}

/** Counts streams and shards, and describes every host with the number of its open shards. */
export function describeHosts(
  state: CatalogState,
  fleet: HostFleet,
): Pick<ResponseOf<'describeBroker'>, 'streamCount' | 'shardCount' | 'hosts'> {
  const openShardsOn = new Map<number, number>()
  for (const [ownerId, { open }] of state.ownerLoads) {
    const { hostId } = fleet.hostOf(ownerId)
    openShardsOn.set(hostId, (openShardsOn.get(hostId) ?? 0) + open)
  }
  const hosts = fleet.hosts.map(({ hostId, state: hostState, pid, port = 0, restarts, reason }) => ({
    hostId,
    state: hostState,
    pid,
    port,
    restarts,
    openShards: openShardsOn.get(hostId) ?? 0,
    reason,
  }))
  return { streamCount: state.streams.size, shardCount: state.shardCount, hosts }
}
