// An owner's state: its segments on disk and, in memory, the position of every shard and producer. Runs on the owner
// thread, one call at a time. Memory is ahead of the disk by the one commit under way; after a failure it is read
// again.
import type {
  OwnedShard,
  OwnerOptions,
  OwnerStats,
  SegmentList,
  ShardExtent,
  ShardHorizon,
  Wanted,
} from '../threads/owner-contract.ts'
import type { PendingAppend } from './append/pending-append.ts'
import { CommitPlan } from './append/commit-plan.ts'
import { noFaults, type Faults } from './disk/faults.ts'
import { openLmdb, type CommitSize, type OpenEnvironment } from './environment.ts'
import type { ReplacementRequest } from './segments/replacement.ts'
import { SegmentChain } from './segments/segment-chain.ts'
import { ShardTable } from './append/shard-table.ts'
import { stageBatches } from './append/staging.ts'
import { systemTime, type Clock } from '../time.ts'

/** Replacements for the disk and the clock, for tests. */
export interface StorageParts {
  readonly openEnvironment?: OpenEnvironment
  readonly now?: Clock
  readonly faults?: Faults
  readonly producersMax?: number
  /** A monotonic clock that measures how long producers are idle. */
  readonly elapsed?: Clock
}

export class OwnerStorage {
  readonly #faults: Faults
  readonly #parts: StorageParts
  readonly #chain: SegmentChain
  readonly #plan = new CommitPlan()
  /** The shards that the host has opened; they are opened again after a failure. */
  readonly #shards = new Map<number, OwnedShard>()
  readonly #stats = { commits: 0, batches: 0, bytes: 0, commitMs: 0 }
  #table: ShardTable
  #isOpen = true

  private constructor(chain: SegmentChain, table: ShardTable, parts: StorageParts) {
    this.#chain = chain
    this.#table = table
    this.#faults = parts.faults ?? noFaults
    this.#parts = parts
  }

  /** Opens an existing, locked directory. */
  static async open(options: OwnerOptions & StorageParts): Promise<OwnerStorage> {
    const { ownerId, directory, segmentBytes, openEnvironment = openLmdb, faults = noFaults } = options
    const place = { ownerId, directory, segmentBytes, openEnvironment, faults }
    const chain = await SegmentChain.open(place, options.now ?? systemTime.now)
    try {
      return new OwnerStorage(chain, await loadTable(chain, options), options)
    } catch (error) {
      await chain.close()
      throw error
    }
  }

  /** False from a failed commit until a reopening succeeds. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  list(): SegmentList {
    return this.#chain.list()
  }

  /** Sentences about the damage found when storage was last opened. */
  get damage(): readonly string[] {
    return this.#table.damage
  }

  stats(): OwnerStats {
    const segments = this.#chain.list().segments.length
    return { ...this.#stats, segments, producers: this.#table.producerCount }
  }

  /** The extents of all shards that the host has opened. */
  extents(): ShardExtent[] {
    return [...this.#shards.keys()].map((slot) => this.#table.extent(slot))
  }

  /** Opens shards for appends and returns their extents. Forgotten shards are left out. */
  openShards(shards: readonly OwnedShard[]): ShardExtent[] {
    const opened = shards.filter((shard) => this.#table.open(shard))
    for (const shard of opened) this.#shards.set(shard.slot, shard)
    return opened.map(({ slot }) => this.#table.extent(slot))
  }

  /** Marks shards as forgotten, durably: their records are no longer wanted. */
  async forgetShards(slots: readonly number[]): Promise<void> {
    this.#table.forget(slots, this.#plan)
    await this.#commitPlan()
    for (const slot of slots) this.#shards.delete(slot)
  }

  /** Closes shards for ever, durably, and returns their extents. Unknown shards are left out. */
  async sealShards(slots: readonly number[]): Promise<ShardExtent[]> {
    const sealed = this.#table.seal(slots, this.#plan)
    await this.#commitPlan()
    return sealed.map((slot) => this.#table.extent(slot))
  }

  /** Raises trim horizons, durably. */
  async trimShards(horizons: readonly ShardHorizon[]): Promise<void> {
    this.#table.trim(horizons, this.#plan)
    await this.#commitPlan()
  }

  /** What may still be read of the sealed segments. */
  wanted(): Wanted {
    const { active, activeSince } = this.#chain
    return { ...this.#table.wanted(), list: this.list(), activeBytes: active.bytesUsed(), activeSince }
  }

  /**
   * Replaces segments in the manifest by one segment, or drops them, durably. The replaced directories stay until
   * `removeSegments`. Throws a MillraceError, and changes nothing, if the request does not fit the manifest.
   */
  async replaceSegments(request: ReplacementRequest): Promise<void> {
    await this.#chain.replace(request)
  }

  /** Removes segments that the manifest no longer lists, in the background. */
  removeSegments(names: readonly string[]): void {
    this.#chain.remove(names)
  }

  /** Reserves disk room for a commit of this size in the active segment. Returns false if the disk has none. */
  reserve(size: CommitSize): boolean {
    return this.#chain.active.reserve(size)
  }

  /** Returns true if `bytes` more would overfill the active segment. */
  isFullFor(bytes: number): boolean {
    return this.#chain.isFullFor(bytes)
  }

  /** Rolls if `bytes` more would overfill the active segment. Returns true if it rolled. */
  async makeRoomFor(bytes: number): Promise<boolean> {
    return this.isFullFor(bytes) && (await this.roll())
  }

  /** Seals the active segment and opens the next, unless the active one holds no batch. Returns true if it rolled. */
  async roll(): Promise<boolean> {
    if (this.#table.activeIsEmpty) return false
    await this.#chain.roll((next) => this.#table.carryInto(next))
    return true
  }

  /**
   * Commits the batches of these appends that can be stored; none if the disk is full. Each append then knows the
   * outcome of its batches and answers with `settle`.
   */
  async commit(appends: readonly PendingAppend[], { isFull }: { isFull: boolean }): Promise<void> {
    const staging = { table: this.#table, plan: this.#plan, isFull }
    for (const append of appends) stageBatches(append, staging)
    await this.#commitPlan()
    if (!isFull) this.#chain.prepareAhead()
  }

  async #commitPlan(): Promise<void> {
    const plan = this.#plan
    if (plan.isEmpty) return
    await this.#faults.at('commitStarted')
    plan.seal()
    const startedAt = performance.now()
    await this.#chain.active.commit(plan.write, plan.size)
    await this.#faults.at('commitFlushed')
    this.#stats.commits++
    this.#stats.batches += plan.batchCount
    this.#stats.bytes += plan.bytes
    this.#stats.commitMs += performance.now() - startedAt
    plan.clear()
  }

  /** Reopens everything from disk after a method above has thrown. Rejects if that is not possible yet. */
  async reopen(how: { readersLetGo: boolean }): Promise<void> {
    this.#isOpen = false
    this.#plan.clear()
    await this.#chain.reopen(how)
    this.#table = await loadTable(this.#chain, this.#parts)
    for (const shard of this.#shards.values()) {
      // The commit that seemed to fail may have forgotten the shard durably.
      if (!this.#table.open(shard)) this.#shards.delete(shard.slot)
    }
    this.#isOpen = true
  }

  async close(): Promise<void> {
    await this.#chain.close()
  }
}

function loadTable(chain: SegmentChain, parts: StorageParts): Promise<ShardTable> {
  const openBefore = () => chain.openBefore()
  const { now = systemTime.now, producersMax, elapsed } = parts
  return ShardTable.load(chain.active, {
    openBefore,
    now: now(),
    ...(producersMax !== undefined && { producersMax }),
    ...(elapsed && { elapsed }),
  })
}
