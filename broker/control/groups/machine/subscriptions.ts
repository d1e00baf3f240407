// The streams of a group, and how it follows their lineage: new shards are listed, expired ones are dropped, and a stream
// that was deleted is no longer the one that its name has. Runs in the controller; pure.
import { limits } from '../../../../protocol/limits.ts'
import { OrderedMap } from '../../../catalog/ordered-map.ts'
import type { Draft } from './draft.ts'
import type { Pins } from './messages.ts'
import { freeLease, type GroupStream, type Lease, type StartPosition } from './state.ts'

/** New shards are listed in steps, so that one change does not hold the rows of thousands of them. */
const isFull = (draft: Draft): boolean => draft.room <= 0

/**
 * Begins to read a stream, or begins anew. From LATEST, `pins` say where its shards are now; what they do not name is left
 * out. From another position all shards are listed, as soon as there is room.
 */
export function startStream(draft: Draft, name: string, from: StartPosition, pins: Pins | undefined): void {
  const facts = draft.factsOf(name)
  if (facts === undefined) throw new Error(`stream ${name} does not exist`)
  const old = draft.state.streams.get(name)
  if (old !== undefined) endStream(draft, old)
  const isLatest = from.type === 'LATEST'
  draft.putStream({
    name,
    streamId: facts.streamId,
    generation: draft.number(),
    from: isLatest ? { type: 'TRIM_HORIZON', timestamp: undefined } : from,
    shardsBelow: isLatest ? (pins?.shardsBelow ?? 0) : 0,
    leases: OrderedMap.empty(),
    shards: OrderedMap.empty(),
    ended: OrderedMap.empty(),
  })
  for (const { shardIndex, next } of (isLatest ? pins?.shards : undefined) ?? []) {
    draft.putLease(name, freeLease(shardIndex, next), true)
  }
  followStream(draft, draft.stream(name))
}

/** Takes in what has happened to the streams since the last look. */
export function follow(draft: Draft): void {
  const { found } = draft
  if (found === undefined) return
  for (const stream of found.streams.values()) {
    if (draft.factsOf(stream.name)?.streamId === stream.streamId) followStream(draft, stream)
    else endStream(draft, stream)
  }
}

/** Begins to read streams that members want and that were not there: one that was deleted was created again. */
export function followWanted(draft: Draft): void {
  // A member joined while the stream existed; so this one is newer, and nothing in it is older than the wish to read it.
  for (const member of draft.found?.members.values() ?? []) {
    for (const { name, from } of member.streams) {
      const { streams } = draft.state
      if (streams.has(name) || streams.size >= limits.streamsPerGroupMax) continue
      if (draft.factsOf(name) === undefined) continue
      startStream(
        draft,
        name,
        from.type === 'LATEST' ? { type: 'TRIM_HORIZON', timestamp: undefined } : from,
        undefined,
      )
    }
  }
}

function followStream(draft: Draft, { name, shards: seen }: GroupStream): void {
  const { shards } = draft.factsOf(name)!
  if (shards !== seen) {
    draft.putStream({ ...draft.stream(name), shards })
    for (const lease of draft.stream(name).leases.values()) {
      if (!shards.has(lease.shardIndex)) drop(draft, name, lease)
    }
    let { ended } = draft.stream(name)
    for (const shardIndex of ended.keys()) if (!shards.has(shardIndex)) ended = ended.delete(shardIndex)
    draft.putStream({ ...draft.stream(name), ended })
    draft.unsettle()
  }
  list(draft, name)
}

/** Drops an expired shard, which cannot be read any more. An owner may still process its records, and releases it first. */
function drop(draft: Draft, name: string, lease: Lease): void {
  if (lease.owner === undefined) {
    if (!isFull(draft)) return draft.removeLease(name, lease.shardIndex)
    // The row counts for nothing without its lease: a sweep removes it.
    const stream = draft.stream(name)
    draft.putStream({ ...stream, leases: stream.leases.delete(lease.shardIndex) })
    draft.hasGarbage = true
  } else if (!lease.isRevoked) {
    draft.putLease(name, { ...lease, isRevoked: true }, false)
    draft.changed.add(lease.owner)
  }
}

/** Lists shards that are new to the group: each begins at its first record, or where the group began. */
function list(draft: Draft, name: string): void {
  const stream = draft.stream(name)
  const { shards, shardsBelow } = stream
  if ((shards.lastKey() ?? -1) < shardsBelow) return
  for (const shardIndex of shards.keys(shardsBelow - 1)) {
    if (isFull(draft)) return draft.unsettle()
    draft.putLease(name, { ...freeLease(shardIndex, undefined), ...inheritedRates(stream, shardIndex) }, true)
    draft.putStream({ ...draft.stream(name), shardsBelow: shardIndex + 1 })
  }
  draft.unsettle()
}

/** Returns what a child is expected to take: its part of what its parents took. */
function inheritedRates(
  { shards, leases }: GroupStream,
  shardIndex: number,
): Pick<Lease, 'recordsPerSecond' | 'bytesPerSecond'> {
  const { parents = [] } = shards.get(shardIndex) ?? {}
  const taken = { recordsPerSecond: 0, bytesPerSecond: 0 }
  for (const parent of parents) {
    const { recordsPerSecond = 0, bytesPerSecond = 0 } = leases.get(parent) ?? {}
    taken.recordsPerSecond += recordsPerSecond
    taken.bytesPerSecond += bytesPerSecond
  }
  // Nothing to divide: and the children of thousands of shards need not be counted.
  if (taken.recordsPerSecond === 0 && taken.bytesPerSecond === 0) return taken
  let children = 0
  for (const shard of shards.values(parents[0])) if (shard.parents[0] === parents[0]) children++
  return {
    recordsPerSecond: taken.recordsPerSecond / children,
    bytesPerSecond: taken.bytesPerSecond / children,
  }
}

function endStream(draft: Draft, stream: GroupStream): void {
  for (const { owner } of stream.leases.values()) if (owner !== undefined) draft.changed.add(owner)
  draft.removeStream(stream.name)
  draft.hasGarbage = true
  draft.unsettle()
}
