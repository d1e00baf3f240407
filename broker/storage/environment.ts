// The only file that uses LMDB. Runs on owner threads, in the reader pool, and in the controller for the catalog. It
// opens environments in one mode: overlappingSync off, plain puts, no writemap. In that mode a fulfilled commit is on
// disk, what a reader sees is on disk, and a rejected commit was never visible. No other file sees lmdb-js.
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { openAsClass, type Database, type RootDatabaseOptionsWithPath } from 'lmdb'
import { invariant, InvariantError } from '../../protocol/invariant.ts'
import { DIRECTORY_MODE } from './disk/private-files.ts'
import { DamagedEnvironment, dataFileOf, makeReadyToOpen, usedBytesOf } from './disk/lmdb-files.ts'
import { PAGE_BYTES } from './disk/new-data-file.ts'
import { ReservedRoom } from './disk/reserved-room.ts'
import { DamagedRow, type KeyRange } from './rows/key-space.ts'
import { countOf } from '../../protocol/text/count-text.ts'

/** Reader slots: one per live read transaction, and so one per thread and environment here. */
const READERS_MAX = 512
/** How long to wait for lmdb-js to say why a commit failed; it normally says so in the same turn. */
const COMMIT_ERROR_WAIT_MS = 1000

/** Collects the writes of one commit. Must not be used after the callback. */
export interface Writer {
  /** Copies the key at once. LMDB reads the value until the commit settles: do not change its memory until then. */
  put(key: Uint8Array, value: Uint8Array): void
  /** Only for the catalog and small rows: no row is ever deleted inside a segment. */
  remove(key: Uint8Array): void
}

/** What a commit puts: its number of rows, and the bytes of their values. */
export interface CommitSize {
  readonly rows: number
  readonly bytes: number
}

/** Room for the tree pages above the rows, and for the list of free pages. */
const COMMIT_BYTES_LEAST = 256 * 1024
const ENOSPC = 28

/**
 * The most disk room that a commit can take. Each row rewrites a page. A value fills at least half a page, or whole
 * pages of its own except the last.
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
   * Writes all or nothing, in one transaction. Fulfils when the writes are flushed to the device. Rejects with
   * CommitFailed; then close the environment, unless it is a NoRoomForCommit: the disk has no room for a commit of
   * `size` (by default a few rows), LMDB was not called, and nothing changed. `write` must not throw: its earlier
   * writes would be stored.
   */
  commit(write: (writer: Writer) => void, size?: CommitSize): Promise<void>
  /** Reserves disk room for the next commit, up to this size. Returns false if the disk has none. */
  reserve(size: CommitSize): boolean
  /** Returns a private copy of the value. */
  get(key: Uint8Array): Uint8Array | undefined
  /** Returns a view that the next call on any environment of this thread overwrites: copy out of it at once. */
  peek(key: Uint8Array): Uint8Array | undefined
  /** Up to `limit` rows in key order, as private copies. No transaction stays open. */
  rows(range: KeyRange, limit: number): Row[]
  /** Up to `limit` keys in order, as private copies. */
  keys(range: KeyRange, limit: number): Uint8Array[]
  /** The greatest key at or below `key` and not below `lowest`. */
  keyAtOrBefore(key: Uint8Array, lowest: Uint8Array): Uint8Array | undefined
  /** Ends the read transaction: the next read sees what other threads have committed by then. */
  refresh(): void
  /** Highest page ever used, in bytes. The data file may be longer, because it holds reserved room. */
  bytesUsed(): number
  /** Waits for pending commits; later calls throw. */
  close(): Promise<void>
}

export interface EnvironmentOptions {
  /** A directory. Created if it is missing, unless read-only. */
  readonly path: string
  /** Planned maximum of the file. Not a limit: LMDB maps a larger file anew, and keeps the old map until it is closed. */
  readonly mapBytes: number
  readonly readOnly: boolean
}

/** How storage opens environments. Tests pass a function whose environments fail, wait or are full. */
export type OpenEnvironment = (options: EnvironmentOptions) => Promise<Environment>

/** A commit that is not on disk, or not known to be. */
export class CommitFailed extends Error {
  override readonly name: string = 'CommitFailed'
  /** The system's error number, if LMDB gave one. A full disk often shows as 5, EIO. */
  readonly errno: number | undefined

  constructor(message: string, errno?: number, options?: ErrorOptions) {
    super(message, options)
    this.errno = errno
  }
}

/** A commit that was not begun because the disk is full; the environment is unchanged. */
export class NoRoomForCommit extends CommitFailed {
  override readonly name = 'NoRoomForCommit'

  constructor(bytes: number) {
    super(`There is no room on the disk for a commit of up to ${countOf(bytes, 'byte')}.`, ENOSPC)
  }
}

/** MDB_PAGE_NOTFOUND, MDB_CORRUPTED and MDB_INVALID: LMDB's codes for pages with wrong content. */
const DAMAGE_CODES: readonly unknown[] = [-30797, -30796, -30793]

/** Returns true if the environment failed because its file is damaged, so that trying again does not help. */
export function isDamage(error: unknown): boolean {
  if (error instanceof DamagedEnvironment || error instanceof DamagedRow) return true
  return DAMAGE_CODES.includes((error as { code?: unknown }).code)
}

type Store = Database<Uint8Array, Uint8Array>
type StoreClass = {
  new (name: null, options: object): Store
  readonly prototype: Store & { isRoot: boolean }
}

/** Opens an LMDB environment. Refuses a file that this process already has open in another mode. */
export const openLmdb: OpenEnvironment = async ({ path, mapBytes, readOnly }) => {
  if (!readOnly) mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE })
  makeReadyToOpen(path, { readOnly, mapBytes })
  const options: RootDatabaseOptionsWithPath & { noSubdir: boolean } = {
    path,
    noSubdir: false, // otherwise lmdb-js takes a directory with a dot in its name for a file
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
    // A commit is one batch here. As part of a turn as well, its failure would reject a promise that no code can
    // handle, and an unhandled rejection ends the process.
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
 * lmdb's `open` leaks its native handle if it fails after the file was opened, and a leaked handle keeps a broken or
 * read-only environment alive for the whole process. Opening in two steps lets this function close the handle.
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
  /** Undefined if read-only. */
  readonly #room: ReservedRoom | undefined
  #closed = false

  constructor(store: Store, path: string, readOnly: boolean) {
    this.#store = store
    this.#dataFile = dataFileOf(path)
    this.#room = readOnly ? undefined : new ReservedRoom(this.#dataFile)
    // The promises of single writes need no handler: inside a batch they are resolved already; the batch's promise
    // reports failure.
    this.#writer = {
      put: (key, value) => void store.put(key, value),
      remove: (key) => void store.remove(key),
    }
  }

  async commit(write: (writer: Writer) => void, size: CommitSize = { rows: 1, bytes: 0 }): Promise<void> {
    this.#mustBeOpen()
    // The system must never refuse lmdb-js a write: lmdb-js formats that error in a buffer that is too small, and
    // corrupts memory behind it.
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
        thrown = error as Error // lmdb stores the writes before the throw, so the commit must not pass as a success
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
    // lmdb-js overrides `length` with the value's length on a longer buffer: only a fresh view is safe to slice.
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
    // After closing, the room's descriptor may belong to another file.
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
    // Set before lmdb-js closes: a call after its close crashes the process, outside any promise.
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

/** Reads why a commit failed. lmdb-js gives the reason in a second promise, which this function must handle. */
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
