// Indexes and counts over the catalog's rows, updated with every change: streams by name, open shards, loads of owners,
// holders of slots. Runs in the controller and in the check; pure. `derivations` has one function per family, called with
// by = −1 for a row as it was before a change, and with by = +1 for the row as it is after the change.
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import type { CatalogFamily, HeldIn } from './families.ts'
import { OrderedMap } from './ordered-map.ts'
import type { Tables } from './tables.ts'

/** How many shards an owner stores and will store. */
export interface OwnerLoad {
  /** Shards of the owner, including closed, planned and retired ones. */
  readonly stored: number
  readonly open: number
  /** By how much `open` will change when the changes under way are done; may be negative. */
  readonly coming: number
}

/** The shard that has a slot. */
interface SlotHolder {
  readonly streamId: number
  readonly shardIndex: number
  readonly as: '' | 'planned ' | 'retired '
}

export interface Derived {
  readonly broker: HeldIn<'broker'> | undefined
  readonly streamIdByName: OrderedMap<string, number>
  /** Shards of all streams. */
  readonly shardCount: number
  /** Registered consumers of all streams. */
  readonly consumerCount: number
  /** By stream id, then by shard index. */
  readonly openShards: OrderedMap<number, OrderedMap<number, HeldIn<'shard'>>>
  /** By stream id, then by owner id: how many of the stream's shards the owner stores. */
  readonly ownersOfStream: OrderedMap<number, OrderedMap<number, number>>
  readonly ownerLoads: OrderedMap<number, OwnerLoad>
  /** Shards that changes under way will create, and that have no shard row yet. */
  readonly plannedCount: number
  readonly slots: OrderedMap<number, SlotHolder>
}

export const nothingDerived: Derived = {
  broker: undefined,
  streamIdByName: OrderedMap.empty(),
  shardCount: 0,
  consumerCount: 0,
  openShards: OrderedMap.empty(),
  ownersOfStream: OrderedMap.empty(),
  ownerLoads: OrderedMap.empty(),
  plannedCount: 0,
  slots: OrderedMap.empty(),
}

/** Takes one contradiction: the row concerned, and what is wrong with it. */
export type Report = (where: string, what: string) => void

/** What a derivation gets: the draft that it changes, the rows before or after the change, and where to report. */
export interface Derivation {
  readonly draft: { -readonly [N in keyof Derived]: Derived[N] }
  readonly tables: Tables
  /** +1: the row is added; −1: the row is removed. A changed row is removed and then added. */
  readonly by: 1 | -1
  readonly report: Report
}

export const derivations: {
  readonly [F in CatalogFamily]?: (row: HeldIn<F>, derivation: Derivation) => void
} = {
  broker(row, { draft, by }) {
    draft.broker = by > 0 ? row : undefined
  },

  stream({ id, name }, { draft, by, report }) {
    const names = draft.streamIdByName
    if (by < 0) draft.streamIdByName = names.get(name) === id ? names.delete(name) : names
    else if (names.has(name)) report(`stream ${id}`, `Two streams would be called ${name}.`)
    else draft.streamIdByName = names.set(name, id)
  },

  shard(row, derivation) {
    const { draft, by } = derivation
    const { streamId, index, ownerId, slot } = row
    const open = row.state === 'OPEN' ? by : 0
    draft.shardCount += by
    if (open !== 0) {
      const ofStream = draft.openShards.get(streamId) ?? OrderedMap.empty()
      const changed = open > 0 ? ofStream.set(index, row) : ofStream.delete(index)
      draft.openShards = held(draft.openShards, streamId, changed)
    }
    const owners = draft.ownersOfStream.get(streamId) ?? OrderedMap.empty()
    const left = (owners.get(ownerId) ?? 0) + by
    const changed = left > 0 ? owners.set(ownerId, left) : owners.delete(ownerId)
    draft.ownersOfStream = held(draft.ownersOfStream, streamId, changed)
    addLoad(derivation, ownerId, { stored: by, open, coming: 0 })
    takeSlot(derivation, slot, { streamId, shardIndex: index, as: '' })
  },

  reshard({ streamId, step, moves }, derivation) {
    // From step 'opening' on, the children have shard rows, and the rows of the parents say CLOSED.
    if (step !== 'sealing') return
    const { draft, tables, by } = derivation
    for (const { parents, children } of moves) {
      for (const parent of parents) {
        const ownerId = tables.shards.get(streamId)?.get(parent)?.ownerId
        if (ownerId !== undefined) addLoad(derivation, ownerId, { stored: 0, open: 0, coming: -by })
      }
      for (const { shardIndex, ownerId, slot } of children) {
        draft.plannedCount += by
        addLoad(derivation, ownerId, { stored: by, open: 0, coming: by })
        takeSlot(derivation, slot, { streamId, shardIndex, as: 'planned ' })
      }
    }
  },

  retired({ slot, ownerId, streamId, shardIndex }, derivation) {
    addLoad(derivation, ownerId, { stored: derivation.by, open: 0, coming: 0 })
    takeSlot(derivation, slot, { streamId, shardIndex, as: 'retired ' })
  },

  consumer(_, { draft, by }) {
    draft.consumerCount += by
  },
}

function held<V>(
  maps: OrderedMap<number, OrderedMap<number, V>>,
  key: number,
  map: OrderedMap<number, V>,
): OrderedMap<number, OrderedMap<number, V>> {
  return map.size > 0 ? maps.set(key, map) : maps.delete(key)
}

function addLoad({ draft }: Derivation, ownerId: number, more: OwnerLoad): void {
  const { stored = 0, open = 0, coming = 0 } = draft.ownerLoads.get(ownerId) ?? {}
  const sum = { stored: stored + more.stored, open: open + more.open, coming: coming + more.coming }
  const isNothing = sum.stored === 0 && sum.open === 0 && sum.coming === 0
  draft.ownerLoads = isNothing ? draft.ownerLoads.delete(ownerId) : draft.ownerLoads.set(ownerId, sum)
}

/** Assigns or frees a slot. A slot names a shard in its owner's segments for ever: two shards in one would mix records. */
function takeSlot({ draft, by, report }: Derivation, slot: number, holder: SlotHolder): void {
  const other = draft.slots.get(slot)
  if (by < 0) {
    // Where two rows claimed the slot, the recorded holder may be the other row.
    if (other !== undefined && isSameHolder(other, holder)) draft.slots = draft.slots.delete(slot)
  } else if (other === undefined) draft.slots = draft.slots.set(slot, holder)
  else report(nameOf(holder), `It shares slot ${slot} with ${nameOf(other)}.`)
}

function isSameHolder(a: SlotHolder, b: SlotHolder): boolean {
  return a.streamId === b.streamId && a.shardIndex === b.shardIndex && a.as === b.as
}

function nameOf({ streamId, shardIndex, as }: SlotHolder): string {
  return `stream ${streamId}, ${as}${shardIdOf(shardIndex)}`
}
