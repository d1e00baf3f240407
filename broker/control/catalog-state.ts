// Reads the catalog's state: streams by name, shards of a stream, planned shards. Runs in the controller; pure. The state
// itself, and how it is changed, is in broker/catalog/.
import type { CatalogChange, PlannedShard, ReshardRow, StreamRow } from '../catalog-contract.ts'
import { valueOf, type HeldIn } from '../catalog/families.ts'
import { OrderedMap } from '../catalog/ordered-map.ts'
import type { CatalogState } from '../catalog/state.ts'

export type { CatalogState } from '../catalog/state.ts'

export type Stream = HeldIn<'stream'>
export type Shard = HeldIn<'shard'>
/** The journal of a change of a stream's shards: its moves, and how far it has come. */
export type Journal = ReshardRow['value']
/** An expired shard that is no longer in the catalog, but still in its owner's segments. */
export type RetiredShard = HeldIn<'retired'>
/** A registered consumer of a stream. */
export type RegisteredConsumer = HeldIn<'consumer'>
/** Shards of one stream, by index. */
export type Shards = OrderedMap<number, Shard>

const noShards: Shards = OrderedMap.empty()
const noConsumers: OrderedMap<number, RegisteredConsumer> = OrderedMap.empty()

export function streamNamed(state: CatalogState, name: string): Stream | undefined {
  const id = state.streamIdByName.get(name)
  return id === undefined ? undefined : state.streams.get(id)
}

/** Returns all shards of a stream, closed ones included; the same map object as long as none of them changes. */
export function shardsOf(state: CatalogState, streamId: number): Shards {
  return state.shards.get(streamId) ?? noShards
}

/** Returns the registered consumers of a stream, in the order of their ids. */
export function consumersOf(state: CatalogState, streamId: number): OrderedMap<number, RegisteredConsumer> {
  return state.consumers.get(streamId) ?? noConsumers
}

export function openShardsOf(state: CatalogState, streamId: number): Shards {
  return state.openShards.get(streamId) ?? noShards
}

/** Returns children of a change under way that have no shard row yet; their indexes, slots and owners are assigned. */
export function plannedShards(state: CatalogState, streamId: number): readonly PlannedShard[] {
  const journal = state.journals.get(streamId)
  return journal?.step === 'sealing' ? journal.moves.flatMap(({ children }) => children) : []
}

/** Returns owner and slot of every shard of a stream, planned ones included: their hosts may have opened them already. */
export function allShardsOf(
  state: CatalogState,
  streamId: number,
): readonly { readonly ownerId: number; readonly slot: number }[] {
  return [...shardsOf(state, streamId).values(), ...plannedShards(state, streamId)].map(
    ({ ownerId, slot }) => ({ ownerId, slot }),
  )
}

/** Returns the owners of `allShardsOf`, each once, without visiting every shard. */
export function ownersOf(state: CatalogState, streamId: number): ReadonlySet<number> {
  const planned = plannedShards(state, streamId).map(({ ownerId }) => ownerId)
  return new Set([...(state.ownersOfStream.get(streamId)?.keys() ?? []), ...planned])
}

/** Makes the change that puts the stream's row with some values changed. */
export function putStream(stream: Stream, changed: Partial<StreamRow['value']>): CatalogChange {
  return { put: { family: 'stream', key: stream.id, value: { ...valueOf('stream', stream), ...changed } } }
}
