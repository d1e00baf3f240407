// Which shards of a source may be copied now: those whose parents are copied to their end. Pure.
// So records of one key are stored in the order in which they were put, through splits and merges of the source.
import type { Shard } from '@aws-sdk/client-kinesis'

/** What is known of a shard by its id. */
export interface ShardStates {
  isBegun(shardId: string): boolean
  isDone(shardId: string): boolean
}

/** Returns the shards to begin. A parent that is not listed any more has no records left. */
export function shardsToBegin(shards: readonly Shard[], states: ShardStates): Shard[] {
  const listed = new Set(shards.map(({ ShardId }) => ShardId))
  return shards.filter(({ ShardId, ParentShardId, AdjacentParentShardId }) => {
    if (states.isBegun(ShardId!) || states.isDone(ShardId!)) return false
    return [ParentShardId, AdjacentParentShardId].every(
      (parent) => parent === undefined || !listed.has(parent) || states.isDone(parent),
    )
  })
}

/** How many shards take records: a new stream gets as many. */
export function openShardCount(shards: readonly Shard[]): number {
  return shards.filter(({ SequenceNumberRange }) => SequenceNumberRange?.EndingSequenceNumber === undefined)
    .length
}
