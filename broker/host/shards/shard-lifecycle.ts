// Which shards this host serves, and until when: opened, sealed, dropped, as the controller says. Host main thread.
// Every call may be asked again: the controller repeats it after a crash of either side. A shard that is dropped leaves the
// table first, so that nothing new begins on it, and then its owner forgets it.
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

/** What an owner is asked about its shards; each answer is durable. */
export interface ShardOwner {
  open(shards: readonly OwnedShard[]): Promise<readonly ShardExtent[]>
  /** Behind everything that was offered before. */
  seal(slots: readonly number[]): Promise<readonly ShardExtent[]>
  trim(horizons: readonly ShardHorizon[]): Promise<void>
  forget(slots: readonly number[]): Promise<void>
}

/** What reads a shard for as long as it is served, and is told when that ends. */
export interface ShardReaders {
  endShard(gone: HostedShard): void
  endStream(streamId: number): void
}

export interface ShardLifecycleOptions {
  readonly shards: HostedShards
  readonly owners: { of(ownerId: number): ShardOwner }
  readonly wakes: ShardWakes
  readonly subscriptions: ShardReaders
  /** Fulfils when no search for a horizon goes on that began before. */
  readonly horizons: { settled(shard: HostedShard): Promise<void> }
  /** Told of a shard that is served no more. */
  readonly onRemoved: (shard: HostedShard) => void
  readonly log: Logger
  readonly elapsed: Clock
}

export class ShardLifecycle {
  readonly #options: ShardLifecycleOptions

  constructor(options: ShardLifecycleOptions) {
    this.#options = options
  }

  /** Serves shards; of those served already only the settings may be others, and when they were closed. */
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

  /** Lets shards take nothing more, and returns what they ended with. Rejects with `unavailable` where one is not served. */
  async seal({ streamId, shards: wanted }: SealRequest): Promise<readonly HostedExtent[]> {
    const { owners, wakes } = this.#options
    const sealing = wanted.map(({ shardIndex, children }) => {
      const shard = this.#options.shards.find(streamId, shardIndex)
      if (!shard) throw unserved(describeShard({ streamId, shardIndex }))
      // Appends that the owner refuses from now on are told where to go, even before its answer is here.
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

  /** Those of a stream's shards that are not served here. */
  unserved({ streamId, shardIndexes }: HostCalls['unservedShards']['request']): readonly number[] {
    return shardIndexes.filter((shardIndex) => !this.#options.shards.find(streamId, shardIndex))
  }

  /** Serves closed shards no more, and forgets their records; also of shards that it does not serve. */
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

  /** Serves a stream no more, and forgets what lies in its slots; also where it serves none of them. */
  async dropStream({ streamId, shards: slots }: DropStreamRequest): Promise<void> {
    const { shards, subscriptions } = this.#options
    for (const shard of shards.shardsOf(streamId)) this.#remove(shard)
    subscriptions.endStream(streamId)
    await this.#forget(slots)
  }

  /** The stream's settings hold for what is read and appended from now on. */
  update(streamId: number, settings: ServedSettings): void {
    const { shards, elapsed } = this.#options
    for (const shard of shards.shardsOf(streamId)) shard.applySettings(settings, elapsed())
  }

  /**
   * Lets nothing of the stream expire before `retentionMs`, and fulfils when every horizon is durable that was raised by a
   * shorter one: nothing else would tell of it after a crash.
   */
  async holdRetention({ streamId, retentionMs }: HoldRequest): Promise<void> {
    const { owners, horizons } = this.#options
    const shards = this.#options.shards.shardsOf(streamId)
    for (const shard of shards) shard.holdRetention(retentionMs)
    if (retentionMs === 0) return
    // A search that is under way goes by what held when it began.
    await Promise.all(shards.map((shard) => horizons.settled(shard)))
    await this.#atOwners(shards, (ownerId, ofOwner) =>
      owners.of(ownerId).trim(ofOwner.map(({ slot, trimHorizon }) => ({ slot, trimHorizon }))),
    )
  }

  /** Lets their owners forget what lies in these slots. */
  #forget(slots: DropStreamRequest['shards']): Promise<void> {
    return this.#atOwners(slots, (ownerId, ofOwner) =>
      this.#options.owners.of(ownerId).forget(ofOwner.map(({ slot }) => slot)),
    )
  }

  /** Fetches that wait on it are woken, and find it gone. */
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
      // Damage took the row that said it; a shard with children must never take a record again.
      log.warn({ slots: unsealed.map(({ slot }) => slot) }, 'shards were sealed once, and are sealed again')
      const resealed = await owner.seal(unsealed.map(({ slot }) => slot))
      for (const extent of resealed) bySlot.set(extent.slot, extent)
    }
    for (const shard of placed) {
      const extent = bySlot.get(shard.slot)
      if (!extent) {
        // Its stream was being deleted when host or controller went away, and the catalog still has it for a moment; or it
        // is damaged, and the owner's notice says so.
        log.warn({ stream: shard.streamName, slot: shard.slot }, 'its owner does not serve a shard')
      } else if (!shards.findSlot(shard.slot)) shards.add(new HostedShard(shard, extent))
    }
  }

  /** Runs `work` at every owner concerned, at the same time, with what lies there. */
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
