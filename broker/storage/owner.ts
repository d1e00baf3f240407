// An owner: the one writer of its segments, and the calls that a host makes to it. Runs on an owner thread, or in the
// caller's thread in process. It acknowledges a batch only after the commit that holds it was flushed. After a failed
// commit it answers that the outcome is unknown, reads everything from disk again, and only then goes on.
import { setTimeout } from 'node:timers/promises'
import { InvariantError } from '../../protocol/invariant.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { refusal } from '../../protocol/refusal.ts'
import { crash, type CallHandlers } from '../channels/calls.ts'
import type { AppendOutcome, OwnerCalls, OwnerNotice, OwnerOptions } from '../threads/owner-contract.ts'
import { PendingAppend } from './append/pending-append.ts'
import { lockDirectory, type DirectoryLock } from './directory-lock.ts'
import { freeBytesNow, watchDiskSpace, type DiskSpace, type FreeBytesOf } from './disk/disk-space.ts'
import { diskBytesOf, type CommitSize } from './environment.ts'
import { ensureDirectory } from './disk/durable-files.ts'
import { refuseUnlessDirectory } from './disk/private-files.ts'
import { GroupCommit } from './append/group-commit.ts'
import { OwnerStorage, type StorageParts } from './owner-storage.ts'

/** Batches in one commit, as a bound on how long it takes; a group above it goes alone. */
const COMMIT_BYTES_MAX = 16 * 1024 * 1024
/** Appends that wait here. The host has its own, lower bound; this one keeps a defect there from filling memory. */
const QUEUE_BYTES_MAX = 512 * 1024 * 1024
/** Left reserved by appends for the small commits by which space comes back: they must not need any of a disk that is full. */
const CHANGES_BYTES = 128 * 1024
/** Itself, its shard's head, its producer and its time. */
const ROWS_OF_BATCH_MAX = 4
const REOPEN_BACKOFF_MS = 50
const REOPEN_BACKOFF_MAX_MS = 5000

/** What tests, and a process that lives with its owner, put in. */
export interface OwnerParts extends StorageParts {
  readonly freeBytesOf?: FreeBytesOf
  /**
   * Told when an invariant is broken; the owner does nothing more, and is to be closed where it does not end with its
   * thread or process. By default those end.
   */
  readonly onBroken?: (error: InvariantError) => void
}

export interface Owner {
  readonly handlers: CallHandlers<OwnerCalls>
  /** The listener is told at once how things stand, and of every change from then on. */
  readonly onNotice: (listener: (notice: OwnerNotice) => void) => void
}

/**
 * Takes an owner's directory, creates it if it is new, and opens it. Rejects with `unavailable` while another process
 * holds it, after `lockWaitMs`.
 */
export async function openOwner(options: OwnerOptions & OwnerParts): Promise<Owner> {
  await refuseUnlessDirectory(options.directory)
  await ensureDirectory(options.directory)
  const lock = await lockDirectory(options.directory, { waitMs: options.lockWaitMs ?? 0 })
  let storage: OwnerStorage | undefined
  try {
    storage = await OwnerStorage.open(options)
    return await SegmentOwner.start(options, lock, storage)
  } catch (error) {
    await storage?.close()
    await lock.release()
    throw error
  }
}

/** What waits its turn: appends, and changes that must not run beside a commit. */
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
  /** An invariant is broken: nothing is done any more, but that it may be closed. */
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

  // Bound, like the handlers: whoever passes it on need not know that there is an object behind it.
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
      append.check()
      this.#queue.push({ append, bytes: append.bytes })
    }
    return append.outcome
  }

  async #roll(): Promise<{ rolled: boolean }> {
    const rolled = await this.#storage.roll()
    if (rolled) this.#notifySegments()
    return { rolled }
  }

  /** Readers hear of the new list before anything that is not in it is gone. */
  async #replaceSegments(request: OwnerCalls['replaceSegments']['request']): Promise<null> {
    await this.#storage.replaceSegments(request)
    this.#notifySegments()
    this.#storage.removeSegments(request.sources)
    return null
  }

  /** Runs between commits, so that what it sees is durable. */
  #change<T>(run: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#state === 'closing') reject(unavailable('The owner is closing.'))
      else this.#queue.push({ bytes: 0, refuse: reject, run: async () => resolve(await run()) })
    })
  }

  /** What the queue calls: each run of appends goes into one commit. Never rejects. */
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
      const rows = ROWS_OF_BATCH_MAX * appends.reduce((sum, append) => sum + append.batchCount, 0)
      // Full or not, a repeated batch must be told that it is stored: only storage knows which those are.
      let isFull =
        this.#space.isFull || (this.#storage.isFullFor(bytes) && !this.#hasRoomFor({ rows, bytes }))
      const hasRolled = !isFull && (await this.#storage.makeRoomFor(bytes))
      // The floor is looked at now and then; a disk that somebody else fills is full before that.
      isFull ||= !this.#storage.reserve({ rows, bytes: bytes + CHANGES_BYTES })
      // Before any answer that only a reader with the new list could make use of.
      if (hasRolled) this.#notifySegments()
      failedAs = 'outcomeUnknown'
      await this.#storage.commit(appends, { isFull })
    } catch (error) {
      settleAll(appends, failedAs)
      return this.#recover(error)
    }
    for (const append of appends) append.settle()
  }

  /** As it looks: a roll is not begun on a disk that cannot take what follows it. */
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

  /** While closing, too: what was queued is finished. */
  #isUsable(): boolean {
    return this.#storage.isOpen && !this.#isBroken
  }

  /**
   * Storage failed: it is read from disk again. What waits goes on after that; if the disk still refuses, it is answered
   * that nothing was done, and so is everything that comes until it works.
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

  /** What is in memory or on disk is not what it must be: nothing more may be written from it. */
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

  /** Whoever asks again waits for the same end. */
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
