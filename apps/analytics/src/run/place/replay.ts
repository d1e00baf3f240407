// Which records lie between two positions of a stream. Pure.
import { parseShardId } from 'millrace/protocol'
import type { StreamPosition } from 'millrace'

/** Records of a shard: from `from` on, and before `until`. */
export interface ShardRange {
  readonly shardId: string
  readonly from: number
  readonly until: number
}

/** What a list of shards says. */
export interface ListedShard {
  readonly shardId: string
  readonly startingSequenceNumber: number
  readonly endingSequenceNumber: number | undefined
}

/** Returns the ranges that have records; `from` is nowhere behind `to`. Shards that are listed no more have expired. */
export function rangesBetween(
  from: StreamPosition,
  to: StreamPosition,
  shards: readonly ListedShard[],
): readonly ShardRange[] {
  return shards
    .map((shard) => ({ shardId: shard.shardId, from: placeIn(from, shard), until: placeIn(to, shard) }))
    .filter((range) => range.from < range.until)
}

/** Returns the sequence number at which a position stands in a shard: past the last one where it was read to its end, or left out. */
export function placeIn(position: StreamPosition, shard: ListedShard): number {
  const listed = position.shards[shard.shardId]
  if (listed !== undefined) return listed
  if (parseShardId(shard.shardId) >= position.shardsBelow) return shard.startingSequenceNumber
  return (shard.endingSequenceNumber ?? Infinity) + 1
}

/** Returns the position with earlier places in some shards, by shard id. */
export function earlier(position: StreamPosition, firsts: ReadonlyMap<string, number>): StreamPosition {
  const shards = { ...position.shards }
  for (const [shardId, first] of firsts) shards[shardId] = Math.min(shards[shardId] ?? Infinity, first)
  return { ...position, shards }
}

/** Returns the position from which all is read that is read from either of two; the first one where the second is of another stream. */
export function earliest(one: StreamPosition, other: StreamPosition): StreamPosition {
  if (one.streamId !== other.streamId) return one
  const shardsBelow = Math.min(one.shardsBelow, other.shardsBelow)
  const shards: Record<string, number> = {}
  for (const [shardId, place] of [...Object.entries(one.shards), ...Object.entries(other.shards)]) {
    if (parseShardId(shardId) < shardsBelow) shards[shardId] = Math.min(shards[shardId] ?? Infinity, place)
  }
  return { ...one, shardsBelow, shards }
}

/** Returns the position from which only what is read from both of two is read; the first one where the second is of another stream. */
export function latest(one: StreamPosition, other: StreamPosition): StreamPosition {
  if (one.streamId !== other.streamId) return one
  const shards: Record<string, number> = {}
  for (const shardId of new Set([...Object.keys(one.shards), ...Object.keys(other.shards)])) {
    const places = [one, other].map((position) => knownPlace(position, shardId))
    if (!places.includes(Infinity)) shards[shardId] = Math.max(...places)
  }
  return { ...one, shardsBelow: Math.max(one.shardsBelow, other.shardsBelow), shards }
}

/** Whether a position is nowhere in front of another one of the same stream. */
export function isWithin(one: StreamPosition, other: StreamPosition): boolean {
  if (one.streamId !== other.streamId || one.shardsBelow > other.shardsBelow) return false
  return [...Object.keys(one.shards), ...Object.keys(other.shards)].every(
    (shardId) => knownPlace(one, shardId) <= knownPlace(other, shardId),
  )
}

/** Returns how many records lie between two positions, but for those of shards that take none any more. */
export function recordsBetween(from: StreamPosition, to: StreamPosition): number {
  return Object.entries(to.shards).reduce((sum, [shardId, until]) => {
    const first = Math.max(0, knownPlace(from, shardId))
    return sum + Math.max(0, until - first)
  }, 0)
}

/** Where a position stands in a shard: Infinity behind its last record, -Infinity before it is known. */
function knownPlace({ shards, shardsBelow }: StreamPosition, shardId: string): number {
  return shards[shardId] ?? (parseShardId(shardId) < shardsBelow ? Infinity : -Infinity)
}
