// How the folders of a host reach its shards: to find some of them, and to wake what waits on one. Host main thread, types
// only. Each folder names only what it needs, so that a shard and the way to find it can change apart from each other.
import type { HostedShard } from './hosted-shard.ts'

/** Finds shards by stream and index, as clients and the controller name them. */
export interface ShardsByName {
  find(streamId: number, shardIndex: number): HostedShard | undefined
}

/** Finds shards by slot, as owners name them. */
export interface ShardsBySlot {
  findSlot(slot: number): HostedShard | undefined
}

/** Finds the shards of one stream. */
export interface ShardsOfStream {
  shardsOf(streamId: number): readonly HostedShard[]
}

/** Gives all shards of the host, in no particular order. */
export interface EveryShard {
  all(): Iterable<HostedShard>
}

/** Wakes what waits on a shard that has more records or is no longer served. */
export interface ShardWakes {
  mark(shard: HostedShard): void
}
