// The one door to LMDB. Runs on owner threads, in the reader pool, and in the controller for the catalog. It opens an
// environment in one mode only: overlappingSync off, plain puts, no writemap. In that mode a fulfilled commit is on disk,
// what a reader sees is on disk, and a rejected commit was never visible. Everything else of lmdb-js stays behind here.
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { openAsClass, type Database, type RootDatabaseOptionsWithPath } from 'lmdb'
import { invariant, InvariantError } from '../../protocol/invariant.ts'
import { DIRECTORY_MODE } from './disk/private-files.ts'
import {
  checkBeforeOpening,
  DamagedEnvironment,
  dataFileOf,
  PAGE_BYTES,
  usedBytesOf,
} from './disk/lmdb-files.ts'
import { ReservedRoom } from './disk/reserved-room.ts'
import { DamagedRow, type KeyRange } from './key-space.ts'
import { countOf } from '../../protocol/count-text.ts'

/** Reader slots: one a live read transaction, so one a thread and environment here. */
const READERS_MAX = 512
/** How long to wait for lmdb-js to say why a commit failed; it says so in the same turn. */
const COMMIT_ERROR_WAIT_MS = 1000

/** Collects the writes of one commit. Must not be kept beyond the callback. */
export interface Writer {
  /** The key is copied at once. The value is read until the commit is settled: leave its memory alone until then. */
  put(key: Uint8Array, value: Uint8Array): void
  /** For the catalog alone: nothing is ever deleted inside a segment. */
  remove(key: Uint8Array): void
}

/** What a commit puts: how many rows, and the bytes of their values. */
export interface CommitSize {
  readonly rows: number
  readonly bytes: number
}

/** Of the pages above the rows, and the list of pages that are free. */
const COMMIT_BYTES_LEAST = 256 * 1024
const ENOSPC = 28

/**
 * The most that a commit may take on the disk: for each row the page that is written anew for it, and its value, which fills half
 * a page at least or pages of its own but for the last.
 */
export function diskBytesOf({ rows, bytes }: CommitSize): number {
  const pages = rows * PAGE_BYTES
  return COMMIT_BYTES_LEAST + pages + bytes + Math.min(bytes, pages)
}

export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** An open environment with one table of binary rows. */
export interface Environment {
  /**
   * All of the writes or none, in one transaction. Fulfils when they are flushed to the device. Rejects with a
   * CommitFailed; the environment must then be closed. `write` must not throw: the writes before it would be stored. Where
   * there is no room on the disk for a commit of this size, a few rows unless told, LMDB is not asked at all.
   */
  commit(write: (writer: Writer) => void, size?: CommitSize): Promise<void>
  /** Makes sure that the next commit finds its room, if it is of this size. False where the disk has none. */
  reserve(size: CommitSize): boolean
  /** A private copy. */
  get(key: Uint8Array): Uint8Array | undefined
  /** A view that the next call on any environment of this thread overwrites: copy out of it at once. */
  peek(key: Uint8Array): Uint8Array | undefined
  /** Up to `limit` rows in order, as private copies. Nothing stays open. */
  rows(range: KeyRange, limit: number): Row[]
  /** Up to `limit` keys in order. */
  keys(range: KeyRange, limit: number): Uint8Array[]
  /** The greatest key at or below `key` and not below `lowest`. */
  keyAtOrBefore(key: Uint8Array, lowest: Uint8Array): Uint8Array | undefined
  /** Lets go of the view that reads had: the next one sees what other threads have committed by then. */
  refresh(): void
  /** Pages ever used times the size of a page. The data file may be longer, by what is reserved. */
  bytesUsed(): number
  /** Waits for what was committed; further calls throw. */
  close(): Promise<void>
}

export interface EnvironmentOptions {
  /** A directory; created if it is not there, unless read-only. */
  readonly path: string
  /** Planned maximum of the file. Not a limit: LMDB maps anew beyond it, and keeps the old map until it is closed. */
  readonly mapBytes: number
  readonly readOnly: boolean
}

/** How storage opens environments: tests pass one that fails, waits or is full. */
export type OpenEnvironment = (options: EnvironmentOptions) => Promise<Environment>

/** A commit that is not on disk, or not known to be. */
export class CommitFailed extends Error {
  override readonly name: string = 'CommitFailed'
  /** The system's error number, where LMDB gave one. A full disk often shows as 5, EIO. */
  readonly errno: number | undefined

  constructor(message: string, errno?: number, options?: ErrorOptions) {
    super(message, options)
    this.errno = errno
  }
}

/** A commit that was not begun, because the disk is full: the environment is as it was. */
export class NoRoomForCommit extends CommitFailed {
  override readonly name = 'NoRoomForCommit'

  constructor(bytes: number) {
    super(`There is no room on the disk for a commit of up to ${countOf(bytes, 'byte')}.`, ENOSPC)
  }
}

/** MDB_PAGE_NOTFOUND, MDB_CORRUPTED and MDB_INVALID: what LMDB says of pages that cannot be what they should be. */
const DAMAGE_CODES: readonly unknown[] = [-30797, -30796, -30793]

/** Whether an environment failed because of what is in its file, so that trying again will not help. */
export function isDamage(error: unknown): boolean {
  if (error instanceof DamagedEnvironment || error instanceof DamagedRow) return true
  return DAMAGE_CODES.includes((error as { code?: unknown }).code)
}

type Store = Database<Uint8Array, Uint8Array>
type StoreClass = {
  new (name: null, options: object): Store
  readonly prototype: Store & { isRoot: boolean }
}

/** Opens an LMDB environment. Refuses one that is open in this process in another mode. */
export const openLmdb: OpenEnvironment = async ({ path, mapBytes, readOnly }) => {
  if (!readOnly) mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE })
  checkBeforeOpening(path, { readOnly })
  const options: RootDatabaseOptionsWithPath & { noSubdir: boolean } = {
    path,
    noSubdir: false, // else a dot in a directory's name makes lmdb-js take it for a file
    readOnly,
    overlappingSync: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    pageSize: PAGE_BYTES,
    mapSize: mapBytes,
    maxReaders: READERS_MAX,
    maxDbs: 1,
    cache: false,
    compression: false,
    // A commit is one batch here. Were it also part of a turn, its failure would reject a promise that nobody can hold,
    // and an unhandled rejection ends the process.
    eventTurnBatching: false,
  }
  const store = await construct(options)
  const stats = store.getStats() as { pageSize: number; maxReaders: number }
  // Within a process lmdb-js shares one native environment per file: the first opener's settings win, silently.
  if (stats.pageSize !== PAGE_BYTES || stats.maxReaders < READERS_MAX) {
    await store.close()
    throw new Error(
      `${path} is open with pages of ${stats.pageSize} bytes and ${stats.maxReaders} readers; ` +
        `expected ${PAGE_BYTES} and ${READERS_MAX}: another version of lmdb or of millrace made it.`,
    )
  }
  try {
    return new LmdbEnvironment(store, path, readOnly)
  } catch (error) {
    await store.close()
    throw error
  }
}

/**
 * lmdb's `open` leaks its native handle where it fails after the file was opened, and a leaked handle keeps a broken or
 * read-only environment alive for the whole process. Opened in two steps, the handle can be given back.
 */
async function construct(options: RootDatabaseOptionsWithPath): Promise<Store> {
  const Store = openAsClass(options) as unknown as StoreClass
  try {
    return new Store(null, { ...options, isRoot: true })
  } catch (error) {
    const halfOpen = Object.create(Store.prototype) as Store & { isRoot: boolean }
    halfOpen.isRoot = true
    await halfOpen.close()
    throw error
  }
}

class LmdbEnvironment implements Environment {
  readonly #store: Store
  readonly #dataFile: string
  readonly #writer: Writer
  /** Undefined where nothing is written. */
  readonly #room: ReservedRoom | undefined
  #closed = false

  constructor(store: Store, path: string, readOnly: boolean) {
    this.#store = store
    this.#dataFile = dataFileOf(path)
    this.#room = readOnly ? undefined : new ReservedRoom(this.#dataFile)
    // Their promises need no handler: inside a batch they are ready-made, the batch's own promise tells.
    this.#writer = {
      put: (key, value) => void store.put(key, value),
      remove: (key) => void store.remove(key),
    }
  }

  async commit(write: (writer: Writer) => void, size: CommitSize = { rows: 1, bytes: 0 }): Promise<void> {
    this.#mustBeOpen()
    // lmdb-js must not be refused a write: it describes that in a buffer that is too small, and damages what lies behind it.
    const bytes = diskBytesOf(size)
    const done = this.#writable.promise(bytes)
    if (done === undefined) throw new NoRoomForCommit(bytes)
    await this.#commit(write).finally(done)
  }

  reserve(size: CommitSize): boolean {
    this.#mustBeOpen()
    return this.#writable.reserve(diskBytesOf(size))
  }

  async #commit(write: (writer: Writer) => void): Promise<void> {
    let thrown: Error | undefined
    const settled = this.#store.batch(() => {
      try {
        write(this.#writer)
      } catch (error) {
        thrown = error as Error // lmdb would store the part before it; the caller must not take that for an answer
      }
    })
    let stored: boolean
    try {
      stored = await settled
    } catch (error) {
      throw await commitFailed(error)
    }
    if (thrown !== undefined) {
      throw new InvariantError(`a commit's writer threw; part of it may be stored: ${thrown.message}`)
    }
    if (!stored) throw new CommitFailed('LMDB did not store the commit and gave no reason')
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#mustBeOpen()
    return this.#store.getBinary(key)
  }

  peek(key: Uint8Array): Uint8Array | undefined {
    this.#mustBeOpen()
    const shared = this.#store.getBinaryFast(key)
    // Its `length` is the value's, overridden on a buffer that is longer: only a fresh view is safe to slice.
    return shared && new Uint8Array(shared.buffer, shared.byteOffset, shared.length)
  }

  rows({ start, end }: KeyRange, limit: number): Row[] {
    this.#mustBeOpen()
    const rows: Row[] = []
    for (const { key, value } of this.#store.getRange({ start, end, limit })) rows.push({ key, value })
    return rows
  }

  keys({ start, end }: KeyRange, limit: number): Uint8Array[] {
    this.#mustBeOpen()
    return [...this.#store.getKeys({ start, end, limit })]
  }

  keyAtOrBefore(key: Uint8Array, lowest: Uint8Array): Uint8Array | undefined {
    this.#mustBeOpen()
    const range = { start: key, end: lowest, inclusiveEnd: true, reverse: true, limit: 1 }
    for (const found of this.#store.getKeys(range)) return found
    return undefined
  }

  refresh(): void {
    this.#mustBeOpen()
    this.#store.resetReadTxn()
  }

  bytesUsed(): number {
    // Its descriptor may be another file's once it is closed.
    if (this.#room !== undefined && !this.#closed) return this.#room.usedBytes()
    const file = openSync(this.#dataFile, 'r')
    try {
      return usedBytesOf(file, this.#dataFile)
    } finally {
      closeSync(file)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    // Before lmdb's own: a call after close crashes the process from outside any promise.
    this.#closed = true
    await this.#store.close()
    this.#room?.close()
  }

  get #writable(): ReservedRoom {
    invariant(this.#room !== undefined, `${this.#dataFile} is open for reading`)
    return this.#room
  }

  #mustBeOpen(): void {
    invariant(!this.#closed, `${this.#dataFile} was used after it was closed`)
  }
}

/** Reads why a commit failed. lmdb-js hands the reason over in a second promise, which nobody else may leave unhandled. */
async function commitFailed(error: unknown): Promise<CommitFailed> {
  const { commitError } = error as { commitError?: Promise<unknown> }
  const said = Promise.resolve(commitError).catch((cause: unknown) => cause)
  const reason =
    (await Promise.race([said, setTimeout(COMMIT_ERROR_WAIT_MS, undefined, { ref: false })])) ?? error
  const { code, message } = reason as { code?: unknown; message?: string }
  return new CommitFailed(
    `LMDB could not write: ${message ?? String(error)}`,
    typeof code === 'number' ? code : undefined,
    { cause: error },
  )
}
