// An owner: the one writer of its segments, and the calls that a host makes to it. Runs on an owner thread, or in the
// caller's thread in process. It acknowledges a batch only after the commit that holds the batch is flushed. After a
// failed commit it answers `outcomeUnknown`, reads everything from disk again, and only then continues.
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { InvariantError } from '../../protocol/invariant.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { refusal } from '../../protocol/refusal.ts'
import { crash, type CallHandlers } from '../channels/calls.ts'
import { storageFailure } from '../channels/failure.ts'
import type { AppendOutcome, OwnerCalls, OwnerNotice, OwnerOptions } from '../threads/owner-contract.ts'
import { PendingAppend } from './append/pending-append.ts'
import { checkBatches } from './append/staging.ts'
import { lockDirectory, removeUnlocked, type DirectoryLock } from './directory-lock.ts'
import {
  freeBytesAt,
  freeBytesNow,
  watchDiskSpace,
  type DiskSpace,
  type FreeBytesOf,
} from './disk/disk-space.ts'
import { diskBytesOf, type CommitSize } from './environment.ts'
import { ensureDirectory } from './disk/durable-files.ts'
import { isFullDisk } from './disk/full-disk.ts'
import { refuseUnlessDirectory } from './disk/private-files.ts'
import { GroupCommit } from './append/group-commit.ts'
import { OwnerStorage, type StorageParts } from './owner-storage.ts'
import { removeUnbegun } from './segments/recovery.ts'

/** Bytes of batches in one commit, to bound its duration. A larger group is committed alone. */
const COMMIT_BYTES_MAX = 16 * 1024 * 1024
/** Bytes of queued appends. The host's bound is lower; this one keeps a defect in the host from filling memory. */
const QUEUE_BYTES_MAX = 512 * 1024 * 1024
/** Room that appends leave reserved for trims, seals and forgets: these free space, so they must work on a full disk. */
const CHANGES_BYTES = 128 * 1024
/** Rows that a batch may write: the batch, its shard's head, its producer and a time index row. */
const ROWS_OF_BATCH_MAX = 4
const REOPEN_BACKOFF_MS = 50
const REOPEN_BACKOFF_MAX_MS = 5000

/** Replacements that tests, and a broker with owners in process, pass in. */
export interface OwnerParts extends StorageParts {
  readonly freeBytesOf?: FreeBytesOf
  /**
   * Called when an invariant is broken. The owner then serves nothing more; close it if it does not end with its
   * thread or process. By default that thread or process ends.
   */
  readonly onBroken?: (error: InvariantError) => void
}

export interface Owner {
  readonly handlers: CallHandlers<OwnerCalls>
  /** Calls the listener at once with the present state, and then with every change. */
  readonly onNotice: (listener: (notice: OwnerNotice) => void) => void
}

/**
 * Locks an owner's directory, creates it if it is new, and opens it. Rejects with `unavailable` if another process
 * still holds it after `lockWaitMs`, with `storageFull` if the disk has no room; a new directory is then removed again.
 */
export async function openOwner(options: OwnerOptions & OwnerParts): Promise<Owner> {
  const { directory, freeBytesOf = freeBytesAt } = options
  await refuseUnlessDirectory(directory)
  const isNew = !existsSync(directory)
  const isFull = (error: unknown) => isFullDisk(error, { directory: dirname(directory), freeBytesOf })
  try {
    await ensureDirectory(directory)
    const lock = await lockDirectory(directory, { waitMs: options.lockWaitMs ?? 0 })
    try {
      return await openLocked(options, lock)
    } catch (error) {
      // What a new owner took may be what another one needs to start.
      if (isNew && (await isFull(error))) await removeUnbegun(directory).catch(() => undefined)
      await lock.release()
      throw error
    }
  } catch (error) {
    if (!(await isFull(error))) throw error
    if (isNew) await removeUnlocked(directory)
    const message = `The disk has no room to open ${directory}: ${(error as Error).message}`
    throw storageFailure('storageFull', message, { cause: error })
  }
}

async function openLocked(options: OwnerOptions & OwnerParts, lock: DirectoryLock): Promise<SegmentOwner> {
  const storage = await OwnerStorage.open(options)
  try {
    return await SegmentOwner.start(options, lock, storage)
  } catch (error) {
    await storage.close()
    throw error
  }
}

/** Queued work: appends, and changes that must not run beside a commit. */
type Work = AppendWork | ChangeWork

interface AppendWork {
  readonly append: PendingAppend
  readonly bytes: number
}

interface ChangeWork {
  readonly append?: undefined
  readonly bytes: 0
  readonly run: () => Promise<void>
  readonly refuse: (error: MillraceError) => void
}

/** 'refusing': storage failed and could not be reopened yet. */
type State = 'open' | 'refusing' | 'closing'

class SegmentOwner implements Owner {
  readonly handlers: CallHandlers<OwnerCalls>
  readonly #lock: DirectoryLock
  readonly #storage: OwnerStorage
  readonly #directory: string
  readonly #onBroken: (error: InvariantError) => void
  readonly #queue = new GroupCommit<Work>({ bytesMax: COMMIT_BYTES_MAX, run: (work) => this.#run(work) })
  readonly #listeners: ((notice: OwnerNotice) => void)[] = []
  #space!: DiskSpace
  #state: State = 'open'
  /** True after an invariant is broken: the owner then only accepts `close`. */
  #isBroken = false
  #closed: Promise<null> | undefined

  private constructor(options: OwnerOptions & OwnerParts, lock: DirectoryLock, storage: OwnerStorage) {
    this.#lock = lock
    this.#storage = storage
    this.#directory = options.directory
    this.#onBroken = options.onBroken ?? crash
    this.handlers = {
      open: ({ shards }) => this.#change(async () => ({ extents: storage.openShards(shards) })),
      forget: ({ slots }) => this.#change(() => storage.forgetShards(slots).then(() => null)),
      seal: ({ slots }) => this.#change(async () => ({ extents: await storage.sealShards(slots) })),
      trim: ({ horizons }) => this.#change(() => storage.trimShards(horizons).then(() => null)),
      wanted: () => this.#change(async () => storage.wanted()),
      roll: () => this.#change(() => this.#roll()),
      replaceSegments: (request) => this.#change(() => this.#replaceSegments(request)),
      append: (group) => this.#append(new PendingAppend(group)),
      stats: () => storage.stats(),
      close: () => this.#close(),
    }
  }

  static async start(
    options: OwnerOptions & OwnerParts,
    lock: DirectoryLock,
    storage: OwnerStorage,
  ): Promise<SegmentOwner> {
    const owner = new SegmentOwner(options, lock, storage)
    owner.#space = await watchDiskSpace({
      path: options.directory,
      floorBytes: options.freeSpaceFloorBytes,
      ...(options.freeBytesOf && { freeBytesOf: options.freeBytesOf }),
      onChange: (space) => owner.#notify({ notice: 'space', ...space }),
    })
    return owner
  }

  // A bound function, like the handlers, so that callers can pass it on without the owner.
  readonly onNotice = (listener: (notice: OwnerNotice) => void): void => {
    this.#listeners.push(listener)
    listener({ notice: 'segments', list: this.#storage.list() })
    if (this.#storage.damage.length > 0) listener({ notice: 'damaged', found: this.#storage.damage })
    if (this.#space.isFull) listener({ notice: 'space', full: true, freeBytes: this.#space.freeBytes })
  }

  #append(append: PendingAppend): Promise<AppendOutcome> {
    if (this.#state !== 'open' || this.#isBroken) append.settleAs('unavailable')
    else if (this.#queue.waitingBytes + append.bytes > QUEUE_BYTES_MAX) append.settleAs('overloaded')
    else {
      checkBatches(append)
      this.#queue.push({ append, bytes: append.bytes })
    }
    return append.outcome
  }

  async #roll(): Promise<{ rolled: boolean }> {
    const rolled = await this.#storage.roll()
    if (rolled) this.#notifySegments()
    return { rolled }
  }

  /** Readers receive the new list before the segments that it leaves out are removed. */
  async #replaceSegments(request: OwnerCalls['replaceSegments']['request']): Promise<null> {
    await this.#storage.replaceSegments(request)
    this.#notifySegments()
    this.#storage.removeSegments(request.sources)
    return null
  }

  /** Queues `run` between commits, so that it sees durable state only. */
  #change<T>(run: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#state === 'closing') reject(unavailable('The owner is closing.'))
      else this.#queue.push({ bytes: 0, refuse: reject, run: async () => resolve(await run()) })
    })
  }

  /** Called by the queue: commits each run of appends at once. Never rejects. */
  async #run(work: Work[]): Promise<void> {
    let appends: PendingAppend[] = []
    for (const item of work) {
      if (item.append) {
        appends.push(item.append)
        continue
      }
      await this.#commitAppends(appends)
      appends = []
      await this.#runChange(item)
    }
    await this.#commitAppends(appends)
  }

  async #commitAppends(appends: readonly PendingAppend[]): Promise<void> {
    if (appends.length === 0) return
    if (!this.#isUsable()) return settleAll(appends, 'unavailable')
    let failedAs: 'unavailable' | 'outcomeUnknown' = 'unavailable'
    try {
      const bytes = appends.reduce((sum, append) => sum + append.bytes, 0)
      const rows = ROWS_OF_BATCH_MAX * appends.reduce((sum, append) => sum + append.batches.length, 0)
      // Appends reach storage even if the disk is full: only storage can tell that a repeated batch is already
      // stored.
      let isFull =
        this.#space.isFull || (this.#storage.isFullFor(bytes) && !this.#hasRoomFor({ rows, bytes }))
      const hasRolled = !isFull && (await this.#storage.makeRoomFor(bytes))
      // The free space floor is checked only at intervals; another program may fill the disk in between.
      isFull ||= !this.#storage.reserve({ rows, bytes: bytes + CHANGES_BYTES })
      // Sent before any answer whose records only a reader with the new list can find.
      if (hasRolled) this.#notifySegments()
      failedAs = 'outcomeUnknown'
      await this.#storage.commit(appends, { isFull })
    } catch (error) {
      settleAll(appends, failedAs)
      return this.#recover(error)
    }
    for (const append of appends) append.settle()
  }

  /** Looks at the disk, which may change: a roll is not begun if the disk cannot take the commit that follows. */
  #hasRoomFor(size: CommitSize): boolean {
    return freeBytesNow(this.#directory) >= diskBytesOf(size)
  }

  async #runChange({ run, refuse }: ChangeWork): Promise<void> {
    if (!this.#isUsable()) return refuse(unavailable('Storage failed and is not open again yet.'))
    try {
      await run()
    } catch (error) {
      if (MillraceError.is(error)) return refuse(error)
      refuse(refusal('outcomeUnknown', `Storage failed: ${String(error)}`, { cause: error }))
      await this.#recover(error)
    }
  }

  /** True while closing, too: queued work is finished. */
  #isUsable(): boolean {
    return this.#storage.isOpen && !this.#isBroken
  }

  /**
   * Reopens storage from disk after a failure. Waiting work continues after that. While the disk still refuses,
   * waiting and new work is refused with `unavailable`: nothing of it was done.
   */
  async #recover(cause: unknown): Promise<void> {
    if (cause instanceof InvariantError) return this.#break(cause)
    if (!(await this.#tryReopen({ readersLetGo: false }))) {
      this.#refuseUntilReopened()
      for (let backoffMs = REOPEN_BACKOFF_MS; ; backoffMs = Math.min(backoffMs * 2, REOPEN_BACKOFF_MAX_MS)) {
        this.#refuseWaiting()
        if (this.#isOver()) return
        if (await this.#tryReopen({ readersLetGo: true })) break
        await setTimeout(backoffMs)
      }
      if (this.#state === 'refusing') this.#state = 'open'
    }
    this.#notifySegments()
    if (this.#storage.damage.length > 0) this.#notify({ notice: 'damaged', found: this.#storage.damage })
    this.#notify({ notice: 'reopened', extents: this.#storage.extents(), reason: String(cause) })
  }

  async #tryReopen(how: { readersLetGo: boolean }): Promise<boolean> {
    try {
      await this.#space.check().catch(() => undefined) // a full disk often shows as a failed commit first
      await this.#storage.reopen(how)
      return true
    } catch (error) {
      if (error instanceof InvariantError) this.#break(error)
      return false
    }
  }

  #refuseUntilReopened(): void {
    if (this.#state === 'open') this.#state = 'refusing'
  }

  #isOver(): boolean {
    return this.#state === 'closing' || this.#isBroken
  }

  /** An invariant is broken: memory or disk may be wrong, so nothing more is written. */
  #break(error: InvariantError): void {
    this.#isBroken = true
    this.#refuseWaiting()
    this.#onBroken(error)
  }

  #refuseWaiting(): void {
    for (const work of this.#queue.takeWaiting()) {
      if (work.append) work.append.settleAs('unavailable')
      else work.refuse(unavailable('Storage failed and is not open again yet.'))
    }
  }

  /** Every caller waits for the same close. */
  #close(): Promise<null> {
    return (this.#closed ??= this.#closeAll())
  }

  async #closeAll(): Promise<null> {
    this.#state = 'closing'
    await this.#queue.idle()
    this.#space.stop()
    await this.#storage.close()
    await this.#lock.release()
    return null
  }

  #notifySegments(): void {
    this.#notify({ notice: 'segments', list: this.#storage.list() })
  }

  #notify(notice: OwnerNotice): void {
    for (const listener of this.#listeners) listener(notice)
  }
}

function settleAll(appends: readonly PendingAppend[], code: 'outcomeUnknown' | 'unavailable'): void {
  for (const append of appends) append.settleAs(code)
}

function unavailable(message: string): MillraceError {
  return refusal('unavailable', message)
}
