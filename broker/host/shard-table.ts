// The shards that this host serves, by their public name and by their slot. Host main thread.
// A shard's extent is what everything durable says, as the owner reported it: `tail` only rises, and a record is shown
// to readers exactly when its number is below it.
import type { SegmentList, ShardExtent } from '../threads/owner-contract.ts'
import type { HostedExtent, PlacedShard, ServedSettings, ShardRef } from '../host-contract.ts'
import { hashKeyFromHex, type HashKeyWords } from '../../protocol/hash-key.ts'
import { invariant } from '../../protocol/invariant.ts'
import { shardIdOf } from '../../protocol/shard-id.ts'
import { ShardTail } from './read/shard-tail.ts'

/** Told when a shard that it waits on has more, or is no longer served. Called at most once a turn. */
export interface Waiter {
  /** How many shards it looks at when it is woken: what waking it costs. */
  readonly shardCount: number
  wake(): void
}

/** One shard served here. */
export class HostedShard {
  readonly streamId: number
  readonly streamName: string
  readonly shardIndex: number
  readonly ownerId: number
  readonly slot: number
  readonly rangeStart: HashKeyWords
  readonly rangeEnd: HashKeyWords
  /** Of its stream, as the controller said last. */
  settings: ServedSettings
  /** The shards that it was split or merged into, as far as this host was told: for messages only. */
  children: readonly number[]
  /** False once its stream is deleted, or it has expired. Whoever kept the shard over an await looks here first. */
  served = true
  /** Its batches in the tail cache. */
  readonly cached = new ShardTail()
  /** Fetches and subscriptions that have read up to the tail. */
  readonly waiters = new Set<Waiter>()
  #trimHorizon: number
  #tail: number
  #lastArrivalTime: number
  #bytes: number
  #closed: boolean

  constructor(placed: PlacedShard, extent: ShardExtent) {
    this.streamId = placed.streamId
    this.streamName = placed.streamName
    this.shardIndex = placed.shardIndex
    this.ownerId = placed.ownerId
    this.slot = placed.slot
    this.rangeStart = hashKeyFromHex(placed.startingHashKey)
    this.rangeEnd = hashKeyFromHex(placed.endingHashKey)
    this.settings = placed.settings
    this.children = placed.children
    this.#trimHorizon = extent.trimHorizon
    this.#tail = extent.tail
    this.#lastArrivalTime = extent.lastArrivalTime
    this.#bytes = extent.bytes
    this.#closed = extent.closed
  }

  /** Oldest readable number. */
  get trimHorizon(): number {
    return this.#trimHorizon
  }

  /** Next number to assign: everything below it is flushed. */
  get tail(): number {
    return this.#tail
  }

  /** Arrival time of the newest batch, 0 when there never was one. */
  get lastArrivalTime(): number {
    return this.#lastArrivalTime
  }

  /** It takes nothing more, and its tail is final. */
  get closed(): boolean {
    return this.#closed
  }

  /** How messages name it. */
  get label(): string {
    return `${shardIdOf(this.shardIndex)} of stream ${this.streamName}`
  }

  get extent(): HostedExtent {
    return {
      streamId: this.streamId,
      shardIndex: this.shardIndex,
      trimHorizon: this.#trimHorizon,
      tail: this.#tail,
      lastArrivalTime: this.#lastArrivalTime,
      bytes: this.#bytes,
      closed: this.#closed,
    }
  }

  /** A batch was flushed at the tail. */
  advance(batch: { base: number; recordCount: number; length: number; arrivalTime: number }): void {
    invariant(
      batch.base >= this.#tail,
      `${this.label}: number ${batch.base} was assigned again, the tail is ${this.#tail}`,
    )
    invariant(batch.arrivalTime >= this.#lastArrivalTime, `${this.label}: arrival time went backwards`)
    this.#tail = batch.base + batch.recordCount
    this.#lastArrivalTime = batch.arrivalTime
    this.#bytes += batch.length
  }

  /** It was sealed: `extent` is the last there will be. */
  close(extent: ShardExtent): void {
    invariant(extent.closed, `${this.label}: its owner says that it was not sealed`)
    this.reopened(extent)
  }

  /** Storage was opened again: this is what holds now. Nothing that a reader may have seen can be gone. */
  reopened(extent: ShardExtent): void {
    invariant(
      extent.tail >= this.#tail,
      `${this.label}: storage came back with tail ${extent.tail}, but records below ${this.#tail} were acknowledged`,
    )
    this.#trimHorizon = Math.max(this.#trimHorizon, extent.trimHorizon)
    this.#tail = extent.tail
    this.#lastArrivalTime = Math.max(this.#lastArrivalTime, extent.lastArrivalTime)
    this.#bytes = extent.bytes
    invariant(
      extent.closed || !this.#closed,
      `${this.label}: it was sealed, and storage came back with it open`,
    )
    this.#closed = extent.closed
  }
}

/** Where the records of an owner lie, for reads that do not go through it. */
export interface SegmentDirectory {
  segmentsOf(ownerId: number): SegmentList
}

/** All shards of this host. */
export class ShardTable {
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

  /** All of them, in no particular order. */
  all(): Iterable<HostedShard> {
    return this.#bySlot.values()
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

  /** Serves the shard no more. */
  remove(shard: HostedShard): void {
    const shards = this.#byStream.get(shard.streamId)
    shards?.delete(shard.shardIndex)
    if (shards?.size === 0) this.#byStream.delete(shard.streamId)
    this.#bySlot.delete(shard.slot)
    shard.served = false
    shard.cached.clear()
  }
}

/** How messages name a shard that is not served here. */
export function describeShard({ streamId, shardIndex }: ShardRef): string {
  return `${shardIdOf(shardIndex)} of stream number ${streamId}`
}
