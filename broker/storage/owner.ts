// An owner: the one writer of its segments, and the calls that a host makes to it. Runs on an owner thread, or in the
// caller's thread in process. It acknowledges a batch only after the commit that holds it was flushed. After a failed
// commit it answers that the outcome is unknown, reads everything from disk again, and only then goes on.
import { setTimeout } from 'node:timers/promises'
import { InvariantError } from '../../protocol/invariant.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { CallHandlers } from '../threads/calls.ts'
import { crash } from '../threads/calls.ts'
import type { OwnedShard, OwnerCalls, OwnerNotice, OwnerOptions } from '../threads/owner-contract.ts'
import { PendingAppend } from './append-queue.ts'
import { CommitPlan } from './commit-plan.ts'
import { lockDirectory, type DirectoryLock } from './directory-lock.ts'
import { watchDiskSpace, type DiskSpace, type FreeBytesOf } from './disk/disk-space.ts'
import { ensureDirectory } from './disk/durable-files.ts'
import { noFaults, type Faults } from './disk/faults.ts'
import { openLmdb, type OpenEnvironment } from './environment.ts'
import { GroupCommit } from './group-commit.ts'
import { SegmentChain } from './segment-chain.ts'
import { ShardTable } from './shard-table.ts'

/** Batches in one commit, as a bound on how long it takes; a group above it goes alone. */
const COMMIT_BYTES_MAX = 16 * 1024 * 1024
/** Appends that wait here. The host has its own, lower bound; this one keeps a defect there from filling memory. */
const QUEUE_BYTES_MAX = 512 * 1024 * 1024
const REOPEN_BACKOFF_MS = 50
const REOPEN_BACKOFF_MAX_MS = 5000

/** What tests put in place of the disk and the clock. */
export interface OwnerParts {
  readonly openEnvironment?: OpenEnvironment
  readonly clock?: () => number
  readonly faults?: Faults
  readonly freeBytesOf?: FreeBytesOf
  readonly producersMax?: number
}

export interface Owner {
  readonly handlers: CallHandlers<OwnerCalls>
  /** The listener is told at once how things stand, and of every change from then on. */
  onNotice(listener: (notice: OwnerNotice) => void): void
}

/**
 * Takes an owner's directory, creates it if it is new, and opens it. Rejects with `unavailable` while another process
 * holds it, after `lockWaitMs`.
 */
export async function openOwner(options: OwnerOptions & OwnerParts): Promise<Owner> {
  await ensureDirectory(options.directory)
  const lock = await lockDirectory(options.directory, { waitMs: options.lockWaitMs ?? 0 })
  try {
    return await SegmentOwner.open(options, lock)
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** What waits its turn: appends, and changes that must not run beside a commit. */
type Work =
  | { readonly kind: 'append'; readonly bytes: number; readonly append: PendingAppend }
  | {
      readonly kind: 'change'
      readonly bytes: 0
      readonly run: () => Promise<void>
      readonly refuse: (error: MillraceError) => void
    }

class SegmentOwner implements Owner {
  readonly handlers: CallHandlers<OwnerCalls>
  readonly #options: OwnerOptions & OwnerParts
  readonly #lock: DirectoryLock
  readonly #chain: SegmentChain
  readonly #clock: () => number
  readonly #faults: Faults
  readonly #plan = new CommitPlan()
  readonly #queue = new GroupCommit<Work>({ bytesMax: COMMIT_BYTES_MAX, run: (work) => this.#run(work) })
  readonly #listeners: ((notice: OwnerNotice) => void)[] = []
  readonly #stats = { commits: 0, batches: 0, bytes: 0, commitMs: 0 }
  /** The shards that the host asked for, to be opened again after a failure. */
  readonly #shards = new Map<number, OwnedShard>()
  #space!: DiskSpace
  #table: ShardTable
  /** 'refusing': storage failed and could not be reopened yet. */
  #state: 'open' | 'refusing' | 'closing' = 'open'

  private constructor(options: OwnerOptions & OwnerParts, lock: DirectoryLock, chain: SegmentChain) {
    this.#options = options
    this.#lock = lock
    this.#chain = chain
    this.#clock = options.clock ?? Date.now
    this.#faults = options.faults ?? noFaults
    this.#table = this.#load()
    this.handlers = {
      open: ({ shards }) => this.#open(shards),
      forget: ({ slots }) => this.#forget(slots),
      append: (group) => this.#append(new PendingAppend(group)),
      stats: () => ({ ...this.#stats, segments: this.#chain.length }),
      close: () => this.#close(),
    }
  }

  static async open(options: OwnerOptions & OwnerParts, lock: DirectoryLock): Promise<SegmentOwner> {
    const {
      ownerId,
      directory,
      segmentBytes,
      openEnvironment = openLmdb,
      clock = Date.now,
      faults = noFaults,
    } = options
    const chain = await SegmentChain.open(
      { ownerId, directory, segmentBytes, openEnvironment, faults },
      clock,
    )
    try {
      const owner = new SegmentOwner(options, lock, chain)
      owner.#space = await watchDiskSpace({
        path: directory,
        floorBytes: options.freeSpaceFloorBytes,
        ...(options.freeBytesOf && { freeBytesOf: options.freeBytesOf }),
        onChange: (space) => owner.#notify({ notice: 'space', ...space }),
      })
      return owner
    } catch (error) {
      await chain.close()
      throw error
    }
  }

  // Bound, like the handlers: whoever passes it on need not know that there is an object behind it.
  readonly onNotice = (listener: (notice: OwnerNotice) => void): void => {
    this.#listeners.push(listener)
    listener({ notice: 'segments', list: this.#chain.list() })
    if (this.#space.isFull) listener({ notice: 'space', full: true, freeBytes: this.#space.freeBytes })
  }

  #append(append: PendingAppend) {
    if (this.#state !== 'open') append.settleAs('unavailable')
    else if (this.#space.isFull) append.settleAs('storageFull')
    else if (this.#queue.waitingBytes + append.bytes > QUEUE_BYTES_MAX) append.settleAs('overloaded')
    else {
      append.check()
      this.#queue.push({ kind: 'append', bytes: append.bytes, append })
    }
    return append.outcome
  }

  async #open(shards: readonly OwnedShard[]): Promise<OwnerCalls['open']['reply']> {
    return this.#change(async () => {
      for (const shard of shards) {
        this.#table.open(shard)
        this.#shards.set(shard.slot, shard)
      }
      return { extents: shards.map(({ slot }) => this.#table.extent(slot)) }
    })
  }

  async #forget(slots: readonly number[]): Promise<null> {
    return this.#change(async () => {
      this.#table.forget(slots, this.#plan)
      await this.#commitPlan()
      for (const slot of slots) this.#shards.delete(slot)
      return null
    })
  }

  /** Runs between commits, so that what it sees is durable. */
  #change<T>(run: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#state === 'closing') reject(closed())
      else
        this.#queue.push({ kind: 'change', bytes: 0, refuse: reject, run: async () => resolve(await run()) })
    })
  }

  /** What the queue calls: each run of appends goes into one commit. Never rejects. */
  async #run(work: Work[]): Promise<void> {
    let appends: PendingAppend[] = []
    for (const item of work) {
      if (item.kind === 'append') {
        appends.push(item.append)
        continue
      }
      await this.#commitAppends(appends)
      appends = []
      await this.#runChange(item)
    }
    await this.#commitAppends(appends)
  }

  async #runChange(item: Work & { kind: 'change' }): Promise<void> {
    try {
      await item.run()
    } catch (error) {
      if (MillraceError.is(error)) return item.refuse(error)
      item.refuse(new MillraceError('outcomeUnknown', `Storage failed: ${String(error)}`, { cause: error }))
      await this.#recover(error)
    }
  }

  async #commitAppends(appends: PendingAppend[]): Promise<void> {
    if (appends.length === 0) return
    if (this.#state === 'refusing') return settleAll(appends, 'unavailable')
    let isStarted = false
    try {
      await this.#rollIfFullFor(appends.reduce((sum, { bytes }) => sum + bytes, 0))
      const now = this.#clock()
      for (const append of appends) append.stage(this.#table, this.#plan, now)
      if (!this.#plan.isEmpty) await this.#faults.at('commitStarted')
      isStarted = true
      await this.#commitPlan()
    } catch (error) {
      settleAll(appends, isStarted ? 'outcomeUnknown' : 'unavailable')
      return this.#recover(error)
    }
    for (const append of appends) append.settle()
    this.#chain.prepareAhead()
  }

  async #rollIfFullFor(bytes: number): Promise<void> {
    if (this.#table.activeIsEmpty || !this.#chain.isFullFor(bytes)) return
    await this.#chain.roll((next) => this.#table.carryInto(next))
    this.#notify({ notice: 'segments', list: this.#chain.list() })
  }

  async #commitPlan(): Promise<void> {
    const plan = this.#plan
    if (plan.isEmpty) return
    plan.seal()
    const startedAt = performance.now()
    await this.#chain.active.commit(plan.write)
    await this.#faults.at('commitFlushed')
    this.#stats.commits++
    this.#stats.batches += plan.batchCount
    this.#stats.bytes += plan.bytes
    this.#stats.commitMs += performance.now() - startedAt
    plan.clear()
  }

  /**
   * Storage failed. What is in memory may be ahead of the disk, so it is dropped and read again. What waits goes on
   * after that; if the disk still refuses, it is answered that nothing was done.
   */
  async #recover(cause: unknown): Promise<void> {
    if (cause instanceof InvariantError) return crash(cause)
    this.#plan.clear()
    let backoffMs = REOPEN_BACKOFF_MS
    while (!(await this.#tryReopen())) {
      if (this.#state === 'open') this.#state = 'refusing'
      this.#refuseWaiting()
      if (this.#state === 'closing') return
      await setTimeout(backoffMs)
      backoffMs = Math.min(backoffMs * 2, REOPEN_BACKOFF_MAX_MS)
    }
    if (this.#state === 'refusing') this.#state = 'open'
    const extents = [...this.#shards.keys()].map((slot) => this.#table.extent(slot))
    this.#notify({ notice: 'segments', list: this.#chain.list() })
    this.#notify({ notice: 'reopened', extents, reason: String(cause) })
  }

  async #tryReopen(): Promise<boolean> {
    try {
      await this.#space.check().catch(() => undefined) // a full disk often shows as a failed commit first
      await this.#chain.reopen()
      this.#table = this.#load()
      for (const shard of this.#shards.values()) this.#openAgain(shard)
      return true
    } catch (error) {
      if (error instanceof InvariantError) crash(error)
      return false
    }
  }

  /** A shard may have been forgotten by the very commit that was taken for failed. */
  #openAgain(shard: OwnedShard): void {
    if (this.#table.isForgotten(shard.slot)) this.#shards.delete(shard.slot)
    else this.#table.open(shard)
  }

  #refuseWaiting(): void {
    for (const work of this.#queue.takeWaiting()) {
      if (work.kind === 'append') work.append.settleAs('unavailable')
      else work.refuse(new MillraceError('unavailable', 'Storage failed and is not open again yet.'))
    }
  }

  #load(): ShardTable {
    const { producersMax } = this.#options
    return ShardTable.load(this.#chain.active, producersMax === undefined ? {} : { producersMax })
  }

  async #close(): Promise<null> {
    if (this.#state === 'closing') throw closed()
    this.#state = 'closing'
    await this.#queue.idle()
    this.#space.stop()
    await this.#chain.close()
    await this.#lock.release()
    return null
  }

  #notify(notice: OwnerNotice): void {
    for (const listener of this.#listeners) listener(notice)
  }
}

function settleAll(appends: readonly PendingAppend[], code: 'outcomeUnknown' | 'unavailable'): void {
  for (const append of appends) append.settleAs(code)
}

function closed(): MillraceError {
  return new MillraceError('unavailable', 'The owner is closing.')
}
