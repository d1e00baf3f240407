// Opens, seals and drops the shards of this host, as the controller asks. Host main thread.
// Every call may come again, because the controller repeats calls after a crash of either side. A dropped shard first leaves
// the table, so that nothing new begins on it, and then its owner forgets it.
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { refusal } from '../../../protocol/refusal.ts'
import type { ServedSettings } from '../../../protocol/stream-settings.ts'
import type { HostCalls, HostedExtent, PlacedShard } from '../../host-contract.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { OwnedShard, ShardExtent, ShardHorizon } from '../../threads/owner-contract.ts'
import type { Clock } from '../../time.ts'
import { describeShard, HostedShard } from './hosted-shard.ts'
import type { HostedShards } from './hosted-shards.ts'
import type { ShardWakes } from './shards-contract.ts'

type SealRequest = HostCalls['sealShards']['request']
type HoldRequest = HostCalls['holdRetention']['request']
type DropStreamRequest = HostCalls['dropStream']['request']
type DropRequest = HostCalls['dropShards']['request']

/** The calls to an owner about its shards. What an answer reports is durable. */
export interface ShardOwner {
  open(shards: readonly OwnedShard[]): Promise<readonly ShardExtent[]>
  /** Seals the shards after all batches that were offered before. */
  seal(slots: readonly number[]): Promise<readonly ShardExtent[]>
  trim(horizons: readonly ShardHorizon[]): Promise<void>
  forget(slots: readonly number[]): Promise<void>
}

/** The parts that read a shard while it is served, and are told when that ends. */
export interface ShardReaders {
  endShard(gone: HostedShard): void
  endStream(streamId: number): void
}

export interface ShardLifecycleOptions {
  readonly shards: HostedShards
  readonly owners: { of(ownerId: number): ShardOwner }
  readonly wakes: ShardWakes
  readonly subscriptions: ShardReaders
  /** `settled` fulfils when all searches for a horizon that began before have ended. */
  readonly horizons: { settled(shard: HostedShard): Promise<void> }
  /** Called when a shard is no longer served. */
  readonly onRemoved: (shard: HostedShard) => void
  readonly log: Logger
  readonly elapsed: Clock
}

export class ShardLifecycle {
  readonly #options: ShardLifecycleOptions

  constructor(options: ShardLifecycleOptions) {
    this.#options = options
  }

  /** Serves shards. For a shard that is served already, only settings and closing time may have changed. */
  async open(placed: readonly PlacedShard[]): Promise<void> {
    const { shards, owners, elapsed } = this.#options
    for (const { slot, settings, closedAt } of placed) {
      const shard = shards.findSlot(slot)
      shard?.applySettings(settings, elapsed())
      shard?.closedAt(closedAt)
    }
    const missing = placed.filter(({ slot }) => !shards.findSlot(slot))
    await this.#atOwners(missing, (ownerId, ofOwner) => this.#openOn(owners.of(ownerId), ofOwner))
  }

  /** Seals shards, and returns their final extents. Rejects with `unavailable` if one is not served. */
  async seal({ streamId, shards: wanted }: SealRequest): Promise<readonly HostedExtent[]> {
    const { owners, wakes } = this.#options
    const sealing = wanted.map(({ shardIndex, children }) => {
      const shard = this.#options.shards.find(streamId, shardIndex)
      if (!shard) throw unserved(describeShard({ streamId, shardIndex }))
      // Refusals of appends name the children from now on, even before the owner's answer is here.
      shard.children = children
      return shard
    })
    const open = sealing.filter(({ closed }) => !closed)
    await this.#atOwners(open, async (ownerId, ofOwner) => {
      const bySlot = extentsBySlot(await owners.of(ownerId).seal(ofOwner.map(({ slot }) => slot)))
      for (const shard of ofOwner) {
        const extent = bySlot.get(shard.slot)
        if (!extent) throw unserved(shard.label)
        shard.close(extent)
        wakes.mark(shard)
      }
    })
    return sealing.map(({ extent }) => extent)
  }

  /** Returns which of these shards of a stream are not served here. */
  unserved({ streamId, shardIndexes }: HostCalls['unservedShards']['request']): readonly number[] {
    return shardIndexes.filter((shardIndex) => !this.#options.shards.find(streamId, shardIndex))
  }

  /** Stops serving closed shards, and forgets their records; also those of shards that are not served here. */
  async drop({ shards: expired }: DropRequest): Promise<void> {
    const { shards, subscriptions } = this.#options
    for (const { streamId, shardIndex } of expired) {
      const shard = shards.find(streamId, shardIndex)
      if (!shard) continue
      this.#remove(shard)
      subscriptions.endShard(shard)
    }
    await this.#forget(expired)
  }

  /** Stops serving a stream, and forgets the records of its slots; also of slots that are not served here. */
  async dropStream({ streamId, shards: slots }: DropStreamRequest): Promise<void> {
    const { shards, subscriptions } = this.#options
    for (const shard of shards.shardsOf(streamId)) this.#remove(shard)
    subscriptions.endStream(streamId)
    await this.#forget(slots)
  }

  /** Applies the stream's settings to reads and appends from now on. */
  update(streamId: number, settings: ServedSettings): void {
    const { shards, elapsed } = this.#options
    for (const shard of shards.shardsOf(streamId)) shard.applySettings(settings, elapsed())
  }

  /**
   * Keeps the stream's records for at least `retentionMs`. Fulfils when all horizons that a shorter retention has raised are
   * durable, because after a crash no other source says that they were raised.
   */
  async holdRetention({ streamId, retentionMs }: HoldRequest): Promise<void> {
    const { owners, horizons } = this.#options
    const shards = this.#options.shards.shardsOf(streamId)
    for (const shard of shards) shard.holdRetention(retentionMs)
    if (retentionMs === 0) return
    // A running search uses the retention that held when it began.
    await Promise.all(shards.map((shard) => horizons.settled(shard)))
    await this.#atOwners(shards, (ownerId, ofOwner) =>
      owners.of(ownerId).trim(ofOwner.map(({ slot, trimHorizon }) => ({ slot, trimHorizon }))),
    )
  }

  /** Tells the owners to forget the records of these slots. */
  #forget(slots: DropStreamRequest['shards']): Promise<void> {
    return this.#atOwners(slots, (ownerId, ofOwner) =>
      this.#options.owners.of(ownerId).forget(ofOwner.map(({ slot }) => slot)),
    )
  }

  /** Stops serving a shard. Waiting fetches are woken, and find that it is gone. */
  #remove(shard: HostedShard): void {
    this.#options.shards.remove(shard)
    this.#options.wakes.mark(shard)
    this.#options.onRemoved(shard)
  }

  async #openOn(owner: ShardOwner, placed: readonly PlacedShard[]): Promise<void> {
    const { shards, log } = this.#options
    const bySlot = extentsBySlot(await owner.open(placed))
    const unsealed = placed.filter(({ slot, children }) => {
      const extent = bySlot.get(slot)
      return extent !== undefined && !extent.closed && children.length > 0
    })
    if (unsealed.length > 0) {
      // The row that says so was lost to damage. A shard with children must never take a record again.
      log.warn(
        { slots: unsealed.map(({ slot }) => slot) },
        'damage had opened sealed shards: they are sealed again',
      )
      const resealed = await owner.seal(unsealed.map(({ slot }) => slot))
      for (const extent of resealed) bySlot.set(extent.slot, extent)
    }
    for (const shard of placed) {
      const extent = bySlot.get(shard.slot)
      if (!extent) {
        // Either host or controller ended while the stream was being deleted, and the catalog still lists it for a moment; or
        // the shard is damaged, which the owner's notice reports.
        log.warn(
          { stream: shard.streamName, slot: shard.slot },
          'a shard is not served: its owner does not have it',
        )
      } else if (!shards.findSlot(shard.slot)) shards.add(new HostedShard(shard, extent))
    }
  }

  /** Runs `work` for all owners concerned at the same time, each with its own items. */
  async #atOwners<T extends { readonly ownerId: number }>(
    placed: readonly T[],
    work: (ownerId: number, ofOwner: readonly T[]) => Promise<void>,
  ): Promise<void> {
    const byOwner = new Map<number, T[]>()
    for (const shard of placed) {
      const ofOwner = byOwner.get(shard.ownerId)
      if (ofOwner) ofOwner.push(shard)
      else byOwner.set(shard.ownerId, [shard])
    }
    await Promise.all([...byOwner].map(([ownerId, ofOwner]) => work(ownerId, ofOwner)))
  }
}

function extentsBySlot(extents: readonly ShardExtent[]): Map<number, ShardExtent> {
  return new Map(extents.map((extent) => [extent.slot, extent]))
}

function unserved(shard: string): MillraceError {
  const message = `${shard} is not served by its host, whose log says what is damaged: restore a backup, or delete the stream.`
  return refusal('unavailable', message)
}
