// Which host serves which shard: as assignments for hosts, and as routing for clients. Runs in the controller; pure.
import { hashKeyFromHex, hashKeyToBytes } from '../../protocol/shards/hash-key.ts'
import { SharedResponse } from '../../protocol/frame/messages.ts'
import type { HostAddress, ResponseOf, ShardRange } from '../../protocol/operations.ts'
import { refusal } from '../../protocol/refusal.ts'
import type { PlannedShard } from '../catalog-contract.ts'
import type { PlacedShard } from '../host-contract.ts'
import { shardsOf, type CatalogState, type Shard, type Shards, type Stream } from './catalog-state.ts'
import type { HostFleet } from './hosts/fleet.ts'
import { hostOfOwner } from './hosts/placement.ts'
import { servedSettings } from './streams/stream-settings.ts'

/** Returns the shards of a stream as their hosts need them, closed ones included: they are read until they expire. */
export function placedShards(state: CatalogState, streamId: number): readonly PlacedShard[] {
  const stream = state.streams.get(streamId)
  if (stream === undefined) return []
  const shards = [...shardsOf(state, streamId).values()]
  const children = new Map<number, number[]>()
  for (const { index, parents } of shards) {
    for (const parent of parents) children.set(parent, [...(children.get(parent) ?? []), index])
  }
  return shards.map((shard) =>
    placedShard(stream, { ...shard, shardIndex: shard.index, children: children.get(shard.index) ?? [] }),
  )
}

/** Returns one shard, existing or planned, as its host needs it. */
export function placedShard(
  stream: Stream,
  shard: PlannedShard &
    Pick<PlacedShard, 'startingSequenceNumber' | 'children'> &
    Partial<Pick<PlacedShard, 'closedAt'>>,
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
    closedAt: shard.closedAt ?? null,
    settings: servedSettings(stream),
  }
}

/**
 * Returns every shard that a host serves. A stream in state CREATING is included, which opens it early. A stream in state
 * DELETING is not: owners may have forgotten its shards already, and a forgotten slot must never be opened again.
 */
export function assignmentOf(state: CatalogState, hostId: number, hosts: number): readonly PlacedShard[] {
  return [...state.streams.values()]
    .filter(({ status }) => status !== 'DELETING')
    .flatMap(({ id }) => placedShards(state, id))
    .filter(({ ownerId }) => hostOfOwner(ownerId, hosts) === hostId)
}

/** Says where clients reach a host; undefined until the host was ready once. */
export type AddressOf = (hostId: number) => HostAddress | undefined

/** An answer to describeRouting, and what it was made from, beside the shards. */
interface KnownAnswer {
  readonly epoch: number
  readonly hosts: readonly HostAddress[]
  readonly answer: SharedResponse<'describeRouting'>
}

/**
 * Answers to describeRouting. After a change of a stream with thousands of shards, thousands of clients ask within
 * milliseconds: the answer is made and encoded once for all of them, and is freed with the shard map that it describes.
 */
export class RoutingAnswers {
  readonly #fleet: HostFleet
  readonly #addressOf: AddressOf
  readonly #known = new WeakMap<Shards, KnownAnswer>()

  constructor(options: { readonly fleet: HostFleet; readonly addressOf: AddressOf }) {
    this.#fleet = options.fleet
    this.#addressOf = options.addressOf
  }

  /** Returns the routing of every readable shard of the stream. Throws `unavailable` while a host has no address. */
  of(state: CatalogState, stream: Stream): SharedResponse<'describeRouting'> {
    const { epoch } = stream
    const shards = shardsOf(state, stream.id)
    const known = this.#known.get(shards)
    if (known?.epoch === epoch && known.hosts.every((address) => this.#isCurrent(address)))
      return known.answer
    const routing = routingOf(shards, stream, this.#fleet, this.#addressOf)
    const answer = new SharedResponse('describeRouting', routing)
    this.#known.set(shards, { epoch, hosts: routing.hosts, answer })
    return answer
  }

  #isCurrent({ hostId, host, port }: HostAddress): boolean {
    const now = this.#addressOf(hostId)
    return now?.host === host && now.port === port
  }
}

function routingOf(
  shards: Shards,
  stream: Stream,
  fleet: HostFleet,
  addressOf: AddressOf,
): ResponseOf<'describeRouting'> {
  const hosts = new Map<number, HostAddress>()
  const routed = Array.from(shards.values(), (shard) => {
    const { hostId, reason = 'starting' } = fleet.hostOf(shard.ownerId)
    const address = addressOf(hostId)
    if (address === undefined) {
      throw refusal('unavailable', `Host ${hostId} has no address yet: ${reason}; try again.`)
    }
    hosts.set(hostId, address)
    const { startingSequenceNumber, closedAt } = shard
    return { ...describeRange(shard), hostId, startingSequenceNumber, closedAt: closedAt ?? undefined }
  })
  return { streamId: stream.id, epoch: stream.epoch, hosts: [...hosts.values()], shards: routed }
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
