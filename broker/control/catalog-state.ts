// The catalog as a value: streams, shards and journals of their changes, and how a change of rows makes the next value.
// Runs in the controller; pure. A state is never changed in place, so whoever holds one may read it for as long as it likes.
import { hashKeyFromHex } from '../../protocol/hash-key.ts'
import { invariant } from '../../protocol/invariant.ts'
import { ShardMap } from '../../protocol/shard-map.ts'
import type {
  BrokerRow,
  CatalogChange,
  CatalogRow,
  PlannedShard,
  ReshardRow,
  RetiredRow,
  ShardRow,
  StreamRow,
} from '../catalog-contract.ts'

export type Stream = { readonly id: number } & StreamRow['value']
export type Shard = { readonly streamId: number; readonly index: number } & ShardRow['value']
export type Journal = ReshardRow['value']
export type RetiredShard = { readonly slot: number } & RetiredRow['value']

export interface CatalogState {
  readonly broker: BrokerRow['value'] | undefined
  readonly streams: ReadonlyMap<number, Stream>
  readonly streamIdByName: ReadonlyMap<string, number>
  /** By stream; in the order of their indexes. */
  readonly shards: ReadonlyMap<number, readonly Shard[]>
  readonly shardCount: number
  /** By stream: how far the change of its shards is that is under way. */
  readonly journals: ReadonlyMap<number, Journal>
  /** By slot: shards that have left, and that their owners have yet to forget. */
  readonly retired: ReadonlyMap<number, RetiredShard>
}

export const emptyCatalog: CatalogState = {
  broker: undefined,
  streams: new Map(),
  streamIdByName: new Map(),
  shards: new Map(),
  shardCount: 0,
  journals: new Map(),
  retired: new Map(),
}

/** The state after all of `changes`. Shares with `state` what they do not touch. */
export function applyChanges(state: CatalogState, changes: readonly CatalogChange[]): CatalogState {
  let { broker, shardCount } = state
  const streams = new Map(state.streams)
  const streamIdByName = new Map(state.streamIdByName)
  const journals = new Map(state.journals)
  const retired = new Map(state.retired)
  const touched = new Map<number, Map<number, Shard>>()
  const shardsOf = (streamId: number): Map<number, Shard> => {
    const known = touched.get(streamId)
    if (known !== undefined) return known
    const copy = new Map((state.shards.get(streamId) ?? []).map((shard) => [shard.index, shard]))
    touched.set(streamId, copy)
    return copy
  }
  for (const change of changes) {
    const row = 'put' in change ? change.put : change.remove
    const value = 'put' in change ? change.put.value : undefined
    if (row.family === 'broker') {
      invariant(value !== undefined, 'the row of the broker is never removed')
      broker = value as BrokerRow['value']
    } else if (row.family === 'stream') {
      const before = streams.get(row.key)
      if (before !== undefined) streamIdByName.delete(before.name)
      streams.delete(row.key)
      if (value === undefined) continue
      const stream: Stream = { id: row.key, ...(value as StreamRow['value']) }
      invariant(!streamIdByName.has(stream.name), `two streams would be called ${stream.name}`)
      streams.set(row.key, stream)
      streamIdByName.set(stream.name, row.key)
    } else if (row.family === 'reshard') {
      if (value === undefined) journals.delete(row.key)
      else journals.set(row.key, value as Journal)
    } else if (row.family === 'retired') {
      if (value === undefined) retired.delete(row.key)
      else retired.set(row.key, { slot: row.key, ...(value as RetiredRow['value']) })
    } else {
      const { streamId, shardIndex } = row.key
      const shards = shardsOf(streamId)
      if (value === undefined) shards.delete(shardIndex)
      else shards.set(shardIndex, { streamId, index: shardIndex, ...(value as ShardRow['value']) })
    }
  }
  const shards = new Map(state.shards)
  for (const [streamId, byIndex] of touched) {
    shardCount += byIndex.size - (shards.get(streamId)?.length ?? 0)
    if (byIndex.size === 0) shards.delete(streamId)
    else
      shards.set(
        streamId,
        [...byIndex.values()].sort((a, b) => a.index - b.index),
      )
  }
  return { broker, streams, streamIdByName, shards, shardCount, journals, retired }
}

/** The state that stored rows describe; refuses rows that cannot all be true. */
export function readCatalog(rows: readonly CatalogRow[]): CatalogState {
  const state = applyChanges(
    emptyCatalog,
    rows.map((put) => ({ put })),
  )
  const slots = new Set<number>()
  const checkSlot = (slot: number, of: string): void => {
    invariant(!slots.has(slot), `two shards have slot ${slot}: their records would mix`)
    slots.add(slot)
    const isGiven = state.broker !== undefined && slot < state.broker.nextSlot
    invariant(isGiven, `slot ${slot} of ${of} would be given out again`)
  }
  for (const [streamId, shards] of state.shards) {
    const stream = state.streams.get(streamId)
    invariant(stream !== undefined, `the catalog holds shards of stream ${streamId}, which it does not know`)
    for (const { slot } of shards) checkSlot(slot, `stream ${stream.name}`)
  }
  for (const streamId of state.journals.keys()) {
    const stream = state.streams.get(streamId)
    invariant(
      stream !== undefined,
      `the catalog holds a journal of stream ${streamId}, which it does not know`,
    )
    for (const { slot, shardIndex } of plannedShards(state, streamId)) {
      checkSlot(slot, `stream ${stream.name}`)
      const isGiven = shardIndex < stream.nextShardIndex
      invariant(isGiven, `index ${shardIndex} of stream ${stream.name} would be given out again`)
    }
  }
  for (const { slot } of state.retired.values()) checkSlot(slot, 'a shard that has left')
  for (const stream of state.streams.values()) {
    const isGiven = state.broker !== undefined && stream.id < state.broker.nextStreamId
    invariant(isGiven, `stream id ${stream.id} would be given out again`)
    shardMapOf(state, stream.id)
  }
  return state
}

/** Routes hash keys to the open shards of a stream; throws unless they cover the hash key space exactly once. */
export function shardMapOf(state: CatalogState, streamId: number): ShardMap {
  return new ShardMap(
    openShardsOf(state, streamId).map(({ index, startingHashKey, endingHashKey }) => ({
      index,
      range: { start: hashKeyFromHex(startingHashKey), end: hashKeyFromHex(endingHashKey) },
    })),
  )
}

export function streamNamed(state: CatalogState, name: string): Stream | undefined {
  const id = state.streamIdByName.get(name)
  return id === undefined ? undefined : state.streams.get(id)
}

export function shardsOf(state: CatalogState, streamId: number): readonly Shard[] {
  return state.shards.get(streamId) ?? []
}

export function openShardsOf(state: CatalogState, streamId: number): readonly Shard[] {
  return shardsOf(state, streamId).filter((shard) => shard.state === 'OPEN')
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
  return [...shardsOf(state, streamId), ...plannedShards(state, streamId)].map(({ ownerId, slot }) => ({
    ownerId,
    slot,
  }))
}

/** The row of a stream with some of it changed. */
export function putStream({ id, ...value }: Stream, changed: Partial<StreamRow['value']>): CatalogChange {
  return { put: { family: 'stream', key: id, value: { ...value, ...changed } } }
}
