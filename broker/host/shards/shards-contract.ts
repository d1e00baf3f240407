// What the rooms of a host ask of its shards: to find some of them, and to have those woken who wait on one. Host main thread,
// types only. Each room names what it needs of this, so that what a shard is can change beside who finds it.
import type { HostedShard } from './hosted-shard.ts'

/** By the name that clients and the controller use. */
export interface ShardsByName {
  find(streamId: number, shardIndex: number): HostedShard | undefined
}

/** By the slot that owners use. */
export interface ShardsBySlot {
  findSlot(slot: number): HostedShard | undefined
}

/** All shards of one stream. */
export interface ShardsOfStream {
  shardsOf(streamId: number): readonly HostedShard[]
}

/** All shards of the host, in no particular order. */
export interface EveryShard {
  all(): Iterable<HostedShard>
}

/** Wakes who waits on a shard that has more, or is served no more. */
export interface ShardWakes {
  mark(shard: HostedShard): void
}
