// The shards that this host serves, by stream and index, and by slot. Host main thread.
import { invariant } from '../../../protocol/invariant.ts'
import type { HostedShard } from './hosted-shard.ts'
import type { EveryShard, ShardsByName, ShardsBySlot, ShardsOfStream } from './shards-contract.ts'

/** All shards of this host. */
export class HostedShards implements ShardsByName, ShardsBySlot, ShardsOfStream, EveryShard {
  readonly #byStream = new Map<number, Map<number, HostedShard>>()
  readonly #bySlot = new Map<number, HostedShard>()

  get size(): number {
    return this.#bySlot.size
  }

  find(streamId: number, shardIndex: number): HostedShard | undefined {
    return this.#byStream.get(streamId)?.get(shardIndex)
  }

  findSlot(slot: number): HostedShard | undefined {
    return this.#bySlot.get(slot)
  }

  /** Returns all shards, in no particular order. */
  all(): Iterable<HostedShard> {
    return this.#bySlot.values()
  }

  /** The name of a stream of which a shard is served here. */
  nameOf(streamId: number): string | undefined {
    const [shard] = this.#byStream.get(streamId)?.values() ?? []
    return shard?.streamName
  }

  shardsOf(streamId: number): readonly HostedShard[] {
    return [...(this.#byStream.get(streamId)?.values() ?? [])]
  }

  /** Serves a shard from now on. */
  add(shard: HostedShard): void {
    invariant(!this.#bySlot.has(shard.slot), `slot ${shard.slot} belongs to two shards`)
    let shards = this.#byStream.get(shard.streamId)
    if (!shards) this.#byStream.set(shard.streamId, (shards = new Map()))
    invariant(!shards.has(shard.shardIndex), `${shard.label} was opened twice`)
    shards.set(shard.shardIndex, shard)
    this.#bySlot.set(shard.slot, shard)
  }

  /** Stops serving a shard. */
  remove(shard: HostedShard): void {
    const shards = this.#byStream.get(shard.streamId)
    shards?.delete(shard.shardIndex)
    if (shards?.size === 0) this.#byStream.delete(shard.streamId)
    this.#bySlot.delete(shard.slot)
    shard.served = false
    shard.cached.clear()
  }
}
