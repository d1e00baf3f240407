// What an owner keeps: its segments on disk and, in memory, where every shard and producer stands. Runs on the owner thread,
// one call at a time. Memory runs ahead of the disk by the one commit under way; after a failure it is read again.
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

/** What tests put in place of the disk and the clock. */
export interface StorageParts {
  readonly openEnvironment?: OpenEnvironment
  readonly clock?: () => number
  readonly faults?: Faults
  readonly producersMax?: number
  /** A monotonic clock: how long producers were silent is measured by it. */
  readonly elapsed?: () => number
}

export class OwnerStorage {
  readonly #faults: Faults
  readonly #parts: StorageParts
  readonly #chain: SegmentChain
  readonly #plan = new CommitPlan()
  /** The shards that the host asked for, to be opened again after a failure. */
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

  /** Opens a directory that exists and is locked. */
  static async open(options: OwnerOptions & StorageParts): Promise<OwnerStorage> {
    const { ownerId, directory, segmentBytes, openEnvironment = openLmdb, faults = noFaults } = options
    const place = { ownerId, directory, segmentBytes, openEnvironment, faults }
    const chain = await SegmentChain.open(place, options.clock ?? Date.now)
    try {
      return new OwnerStorage(chain, await loadTable(chain, options), options)
    } catch (error) {
      await chain.close()
      throw error
    }
  }

  /** False from a failed reopening on, until one succeeds. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  list(): SegmentList {
    return this.#chain.list()
  }

  /** What was found damaged when it was opened last, in sentences. */
  get damage(): readonly string[] {
    return this.#table.damage
  }

  stats(): OwnerStats {
    const segments = this.#chain.list().segments.length
    return { ...this.#stats, segments, producers: this.#table.producerCount }
  }

  /** Where the shards stand that the host has open. */
  extents(): ShardExtent[] {
    return [...this.#shards.keys()].map((slot) => this.#table.extent(slot))
  }

  /** Takes appends for these shards from now on, and answers where they stand; those that were forgotten are left out. */
  openShards(shards: readonly OwnedShard[]): ShardExtent[] {
    const opened = shards.filter((shard) => this.#table.open(shard))
    for (const shard of opened) this.#shards.set(shard.slot, shard)
    return opened.map(({ slot }) => this.#table.extent(slot))
  }

  /** Marks shards, durably, whose records nobody wants any more. */
  async forgetShards(slots: readonly number[]): Promise<void> {
    this.#table.forget(slots, this.#plan)
    await this.#commitPlan()
    for (const slot of slots) this.#shards.delete(slot)
  }

  /** Closes shards for ever, durably, and answers where they stand; those that are not known are left out. */
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

  /** What of the sealed segments may still be asked for. */
  wanted(): Wanted {
    const { active, activeSince } = this.#chain
    return { ...this.#table.wanted(), list: this.list(), activeBytes: active.bytesUsed(), activeSince }
  }

  /**
   * Lists one segment in the place of others, or drops them, durably. Throws a MillraceError where that is not possible,
   * with nothing changed. The others still lie there.
   */
  async replaceSegments(request: ReplacementRequest): Promise<void> {
    await this.#chain.replace(request)
  }

  /** Removes segments that are not listed any more, in the background. */
  removeSegments(names: readonly string[]): void {
    this.#chain.remove(names)
  }

  /** Makes sure that a commit of this size finds its room in the active segment. False where the disk has none. */
  reserve(size: CommitSize): boolean {
    return this.#chain.active.reserve(size)
  }

  /** Whether so many bytes would overfill the active segment. */
  isFullFor(bytes: number): boolean {
    return this.#chain.isFullFor(bytes)
  }

  /** Seals the active segment if so many bytes would overfill it. Answers whether it did. */
  async makeRoomFor(bytes: number): Promise<boolean> {
    return this.isFullFor(bytes) && (await this.roll())
  }

  /** Seals the active segment, unless it holds no batch. Answers whether it did. */
  async roll(): Promise<boolean> {
    if (this.#table.activeIsEmpty) return false
    await this.#chain.roll((next) => this.#table.carryInto(next))
    return true
  }

  /**
   * Stores what can be stored of these appends, nothing where the disk is full; each then knows the fate of its batches,
   * and answers it by `settle`.
   */
  async commit(appends: readonly PendingAppend[], { isFull }: { isFull: boolean }): Promise<void> {
    const staging = { table: this.#table, plan: this.#plan, isFull }
    for (const append of appends) append.stage(staging)
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

  /** Opens everything from disk again after anything above has thrown. Rejects where that cannot be done yet. */
  async reopen(how: { readersLetGo: boolean }): Promise<void> {
    this.#isOpen = false
    this.#plan.clear()
    await this.#chain.reopen(how)
    this.#table = await loadTable(this.#chain, this.#parts)
    for (const shard of this.#shards.values()) {
      // It may have been forgotten by the very commit that was taken for failed.
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
  const { clock = Date.now, producersMax, elapsed } = parts
  return ShardTable.load(chain.active, {
    openBefore,
    now: clock(),
    ...(producersMax !== undefined && { producersMax }),
    ...(elapsed && { elapsed }),
  })
}
