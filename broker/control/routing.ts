// Which host serves which shard, for hosts (what they are given to serve) and for clients (where to go).
// Runs in the controller; pure.
import { hashKeyFromHex, hashKeyToBytes } from '../../protocol/hash-key.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { HostAddress, ResponseOf, ShardRange } from '../../protocol/operations.ts'
import type { PlannedShard } from '../catalog-contract.ts'
import type { PlacedShard } from '../host-contract.ts'
import { shardsOf, type CatalogState, type Shard, type Stream } from './catalog-state.ts'
import type { HostFleet } from './fleet.ts'
import { hostOfOwner } from './placement.ts'
import { servedSettings } from './stream-settings.ts'

/** The shards of a stream as their hosts need them, closed ones included: they are read until they expire. */
export function placedShards(state: CatalogState, streamId: number): readonly PlacedShard[] {
  const stream = state.streams.get(streamId)
  if (stream === undefined) return []
  const shards = shardsOf(state, streamId)
  const children = new Map<number, number[]>()
  for (const { index, parents } of shards) {
    for (const parent of parents) children.set(parent, [...(children.get(parent) ?? []), index])
  }
  return shards.map((shard) =>
    placedShard(stream, { ...shard, shardIndex: shard.index, children: children.get(shard.index) ?? [] }),
  )
}

/** One shard as its host needs it: one of the catalog, or one to be. */
export function placedShard(
  stream: Stream,
  shard: PlannedShard & Pick<PlacedShard, 'startingSequenceNumber' | 'children'>,
): PlacedShard {
  return {
    streamId: stream.id,
    streamName: stream.name,
    shardIndex: shard.shardIndex,
    ownerId: shard.ownerId,
    slot: shard.slot,
    startingHashKey: shard.startingHashKey,
    endingHashKey: shard.endingHashKey,
    startingSequenceNumber: shard.startingSequenceNumber,
    children: shard.children,
    settings: servedSettings(stream),
  }
}

/**
 * Everything that a host serves. A stream that is being created is opened early; of one that is being deleted the owners may
 * have forgotten the shards already, and slots never come back.
 */
export function assignmentOf(state: CatalogState, hostId: number, hosts: number): readonly PlacedShard[] {
  return [...state.streams.values()]
    .filter(({ status }) => status !== 'DELETING')
    .flatMap(({ id }) => placedShards(state, id))
    .filter(({ ownerId }) => hostOfOwner(ownerId, hosts) === hostId)
}

/** The answer to describeRouting: every shard that can be read. `addressOf` gives undefined while a host was never up. */
export function routingOf(
  state: CatalogState,
  stream: Stream,
  fleet: HostFleet,
  addressOf: (hostId: number) => HostAddress | undefined,
): ResponseOf<'describeRouting'> {
  const hosts = new Map<number, HostAddress>()
  const shards = shardsOf(state, stream.id).map((shard) => {
    const { hostId, reason = 'starting' } = fleet.hostOf(shard.ownerId)
    const address = addressOf(hostId)
    if (address === undefined) {
      throw new MillraceError('unavailable', `Host ${hostId} has no address yet: ${reason}; try again.`)
    }
    hosts.set(hostId, address)
    return { ...describeRange(shard), hostId, startingSequenceNumber: shard.startingSequenceNumber }
  })
  return { streamId: stream.id, epoch: stream.epoch, hosts: [...hosts.values()], shards }
}

export function describeRange(shard: Shard): ShardRange {
  return {
    index: shard.index,
    parents: shard.parents,
    startingHashKey: hashKeyToBytes(hashKeyFromHex(shard.startingHashKey)),
    endingHashKey: hashKeyToBytes(hashKeyFromHex(shard.endingHashKey)),
    state: shard.state,
  }
}
