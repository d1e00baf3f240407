// The streams of a group, and how it follows their lineage: new shards are listed, expired ones are dropped, and a stream
// that was deleted is no longer the one that its name has. Runs in the controller; pure.
import { limits } from '../../../../protocol/limits.ts'
import { OrderedMap } from '../../../catalog/ordered-map.ts'
import type { Draft } from './draft.ts'
import type { Pins } from './messages.ts'
import { freeLease, wants, type GroupStream, type Lease, type Member, type StartPosition } from './state.ts'

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
  draft.set({ gone: draft.state.gone.delete(name) })
  concern(draft, name)
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

/** Takes in what has happened to the streams since the last look; where nothing has, it looks at none of them. */
export function follow(draft: Draft): void {
  const { found } = draft
  if (found === undefined || (found.followed === draft.catalog && !found.isListing)) return
  draft.set({ followed: draft.catalog, isListing: false })
  for (const stream of found.streams.values()) {
    if (draft.factsOf(stream.name)?.streamId === stream.streamId) followStream(draft, stream)
    else {
      endStream(draft, stream)
      remember(draft, stream)
    }
  }
  followWanted(draft)
}

/** Begins to read streams that members want and that were not there: one that was deleted was created again. */
function followWanted(draft: Draft): void {
  // A member joined while the stream existed; so this one is newer, and nothing in it is older than the wish to read it.
  for (const name of draft.found?.wanted.keys() ?? []) {
    const { streams, members } = draft.state
    if (streams.has(name) || streams.size >= limits.streamsPerGroupMax) continue
    if (draft.factsOf(name) === undefined) continue
    startStream(draft, name, wishOf(members.values(), name), undefined)
  }
}

/** Where the first of the members that want the stream begins in it: after the deletion of one, never later than its first record. */
function wishOf(members: Iterable<Member>, name: string): StartPosition {
  for (const { streams } of members) {
    const wish = streams.find((stream) => stream.name === name)
    if (wish?.from.type === 'AT_TIMESTAMP') return wish.from
    if (wish !== undefined) break
  }
  return { type: 'TRIM_HORIZON', timestamp: undefined }
}

/** Notes that a stream that the group has read is there no more. */
function remember(draft: Draft, { name, streamId }: GroupStream): void {
  let gone = draft.state.gone.set(name, { name, streamId, goneAt: draft.at.wall })
  if (gone.size > limits.streamsPerGroupMax) {
    const [oldest] = [...gone.values()].toSorted((a, b) => a.goneAt - b.goneAt)
    gone = gone.delete(oldest!.name)
  }
  draft.set({ gone })
}

/** Something is other than the members know that want the stream. */
function concern(draft: Draft, name: string): void {
  for (const member of draft.state.members.values())
    if (wants(member, name)) draft.changed.add(member.memberId)
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
    if (isFull(draft)) {
      draft.set({ isListing: true })
      return draft.unsettle()
    }
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
  concern(draft, stream.name)
  draft.hasGarbage = true
  draft.unsettle()
}
