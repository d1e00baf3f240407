// The operations on shards. Runs in the endpoint.
import type { HandlersOf } from '../call.ts'
import type { EndpointParts } from '../parts.ts'
import { listShards } from './list-shards.ts'
import { mergeShards, splitShard } from './resharding.ts'
import { updateShardCount } from './update-shard-count.ts'

export function shardsHandlers(
  parts: EndpointParts,
): HandlersOf<'ListShards' | 'SplitShard' | 'MergeShards' | 'UpdateShardCount'> {
  return {
    ListShards: (call) => listShards(parts, call),
    SplitShard: (call) => splitShard(parts, call),
    MergeShards: (call) => mergeShards(parts, call),
    UpdateShardCount: (call) => updateShardCount(parts, call),
  }
}
