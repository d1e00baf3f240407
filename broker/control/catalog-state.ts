// The catalog as the controller reads it: streams by name, shards of a stream, what is planned. Runs in the controller;
// pure. How the state is held, and changed, is in broker/catalog/.
import type { CatalogChange, PlannedShard, ReshardRow, StreamRow } from '../catalog-contract.ts'
import { valueOf, type HeldIn } from '../catalog/families.ts'
import { OrderedMap } from '../catalog/ordered-map.ts'
import type { CatalogState } from '../catalog/state.ts'

export type { CatalogState } from '../catalog/state.ts'

export type Stream = HeldIn<'stream'>
export type Shard = HeldIn<'shard'>
/** How far the change of a stream's shards is that is under way. */
export type Journal = ReshardRow['value']
/** A closed shard that has expired and left the catalog, until its owner has forgotten it. */
export type RetiredShard = HeldIn<'retired'>
/** Shards of one stream, by index. */
export type Shards = OrderedMap<number, Shard>

const noShards: Shards = OrderedMap.empty()

export function streamNamed(state: CatalogState, name: string): Stream | undefined {
  const id = state.streamIdByName.get(name)
  return id === undefined ? undefined : state.streams.get(id)
}

/** All shards of a stream, closed ones included. The same map as before where none of them has changed. */
export function shardsOf(state: CatalogState, streamId: number): Shards {
  return state.shards.get(streamId) ?? noShards
}

export function openShardsOf(state: CatalogState, streamId: number): Shards {
  return state.openShards.get(streamId) ?? noShards
}

/** Shards that are decided on and not in the catalog yet: their indexes, slots and places are taken all the same. */
export function plannedShards(state: CatalogState, streamId: number): readonly PlannedShard[] {
  const journal = state.journals.get(streamId)
  return journal?.step === 'sealing' ? journal.moves.flatMap(({ children }) => children) : []
}

/** Where shards of a stream may lie: those in the catalog, and those that a change may have opened before they are in it. */
export function allShardsOf(
  state: CatalogState,
  streamId: number,
): readonly { readonly ownerId: number; readonly slot: number }[] {
  return [...shardsOf(state, streamId).values(), ...plannedShards(state, streamId)].map(
    ({ ownerId, slot }) => ({ ownerId, slot }),
  )
}

/** Owners that `allShardsOf` would name, each once, without a look at every shard. */
export function ownersOf(state: CatalogState, streamId: number): ReadonlySet<number> {
  const planned = plannedShards(state, streamId).map(({ ownerId }) => ownerId)
  return new Set([...(state.ownersOfStream.get(streamId)?.keys() ?? []), ...planned])
}

/** The row of a stream with some of it changed. */
export function putStream(stream: Stream, changed: Partial<StreamRow['value']>): CatalogChange {
  return { put: { family: 'stream', key: stream.id, value: { ...valueOf('stream', stream), ...changed } } }
}
