// What the control plane tells of streams, shards and the broker, in the words of the protocol. Runs in the controller.
// The catalog alone decides what there is; what only hosts know (extents, loads) is left out where a host is down.
import type { ResponseOf, ShardDescription, ShardLoad, StreamDescription } from '../../protocol/operations.ts'
import type { HostedExtent } from '../host-contract.ts'
import { withDeadline, type Time } from '../time.ts'
import { openShardsOf, type CatalogState, type Shard, type Stream } from './catalog-state.ts'
import { byHost, type HostFleet } from './fleet.ts'
import { describeRange } from './routing.ts'
import { settingsOf } from './stream-settings.ts'

/** A description waits no longer than this for what a host knows; it leaves that out instead. */
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

/** A shard with what its host knows of it, as far as that is known. */
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

/** What hosts answered of shards of one stream: the extents by index, and the hosts that gave theirs. */
export interface LiveExtents {
  readonly extents: ReadonlyMap<number, HostedExtent>
  readonly answered: ReadonlySet<number>
}

/** What the hosts know of shards of one stream; nothing from a host that is down or slow. */
export async function liveExtents(
  fleet: HostFleet,
  shards: readonly Shard[],
  time: Time,
): Promise<LiveExtents> {
  const streamId = shards[0]?.streamId ?? 0
  const extents = new Map<number, HostedExtent>()
  const answered = new Set<number>()
  const ask = async ([hostId, there]: readonly [number, readonly Shard[]]): Promise<void> => {
    // By name: a stream may have far more shards than anybody wants to know of now.
    const shardIndexes = there.map(({ index }) => index)
    const asked = fleet.call(hostId, 'describeShards', { streamId, shardIndexes })
    const answer = await withDeadline(asked, time, EXTENTS_DEADLINE_MS)
    answered.add(hostId)
    for (const extent of answer.extents) extents.set(extent.shardIndex, extent)
  }
  await Promise.allSettled([...byHost(fleet, shards)].map(ask))
  return { extents, answered }
}

/** Counts, and every host with the open shards placed on it. */
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
