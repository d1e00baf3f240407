// The small rows in their own LMDB environment, with their own group commit: while one flush runs, changes queue; when
// it ends, the queued changes are decided in order and go into the next flush. Runs in the controller. A change fulfils
// when it is durable, and reads return durable rows only. After a failed flush it is unknown what is stored: the store
// stops, like the catalog, and reads the rows when it is opened again.
import { join } from 'node:path'
import { refusal } from '../../../protocol/refusal.ts'
import type { SmallFamilyName } from '../../catalog/small-families.ts'
import type {
  SmallExtent,
  SmallOutcome,
  SmallPage,
  SmallRow,
  SmallRowsEvents,
  SmallRowsStore,
  SmallWrite,
} from '../../small-rows-contract.ts'
import { keyAfter } from '../rows/all-rows.ts'
import { GroupCommit } from '../append/group-commit.ts'
import { ensureDirectory, syncDirectory } from '../disk/durable-files.ts'
import { PAGE_BYTES } from '../disk/new-data-file.ts'
import { refuseUnlessDirectory } from '../disk/private-files.ts'
import {
  isDamage,
  NoRoomForCommit,
  openLmdb,
  type Environment,
  type OpenEnvironment,
  type Row,
} from '../environment.ts'
import { decodeRow, encodeKey, encodeRow, type RowOf } from '../rows/key-space.ts'
import { systemTime, type Clock } from '../../time.ts'
import { Ballast } from '../segments/ballast.ts'
import { damaged, decide, type Decisions, type Writes } from './decisions.ts'
import {
  decodeSmallRow,
  encodeSmallKey,
  encodeWrite,
  extentOf,
  smallRangeOf,
  versionOf,
  type EncodedWrite,
} from './row-bytes.ts'

const SMALL_ROWS_FORMAT = 1
/** Far above what may be stored. The map takes address space, not memory. */
export const SMALL_ROWS_MAP_BYTES = 4 * 1024 * 1024 * 1024
/** Disk bytes of one flush: together with a commit's overhead, no more than the ballast frees on a full disk. */
const FLUSH_BYTES_MAX = 704 * 1024
/** Changes and bytes that may wait for a flush. More is refused: the disk is slower than the requests. */
const QUEUED_CHANGES_MAX = 10_000
const QUEUED_BYTES_MAX = 64 * 1024 * 1024
/** Rows of one change, and the disk bytes that they may take. */
const CHANGE_ROWS_MAX = 256
const CHANGE_BYTES_MAX = 8 * 1024 * 1024
/** Retry time of a change that is refused because too much waits. */
const OVERLOADED_RETRY_MS = 100

/** Rows that are read at a time where only their lengths are wanted. */
const EXTENTS_AT_ONCE = 32

export interface SmallRowsOptions extends SmallRowsEvents {
  readonly openEnvironment?: OpenEnvironment
  /** Monotonic milliseconds, for the durations that are told. Default: the system's. */
  readonly elapsed?: Clock
}

interface Waiting {
  /** Disk bytes that the change may take. */
  readonly bytes: number
  readonly change: readonly EncodedWrite[]
  readonly resolve: (outcome: SmallOutcome) => void
  readonly reject: (error: Error) => void
}

type Meta = RowOf<'smallMeta'>

/** The small rows' directory in a data directory. */
export function smallRowsPath(dataDirectory: string): string {
  return join(dataDirectory, 'small')
}

/** Opens the small rows in `directory`, and creates them if they are new. The caller holds the data directory's lock. */
export async function openSmallRows(directory: string, options: SmallRowsOptions): Promise<SmallRowsStore> {
  const { openEnvironment = openLmdb } = options
  await refuseUnlessDirectory(directory)
  await ensureDirectory(directory)
  const ballast = new Ballast(directory)
  const environment = await ballast.withRoom(() =>
    openEnvironment({ path: directory, mapBytes: SMALL_ROWS_MAP_BYTES, readOnly: false }),
  )
  try {
    const meta = readSmallMeta(environment) ?? (await createMeta(environment, directory))
    await ballast.keep()
    return new SmallRows({ environment, ballast, meta, options })
  } catch (error) {
    await environment.close()
    throw new Error(`${directory}: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * Reads the first row; undefined if the environment is empty. Throws if the row is damaged, missing or of another
 * format.
 */
export function readSmallMeta(environment: Environment): Meta | undefined {
  const key = encodeKey('smallMeta')
  const value = environment.get(key)
  if (value === undefined) {
    const all = { start: Uint8Array.of(0), end: Uint8Array.of(0xff) }
    if (environment.keys(all, 1).length === 0) return undefined
    throw new Error('the row that says which format it has is missing')
  }
  const meta = decodeRow('smallMeta', key, value)
  if (meta === undefined) throw new Error('the row that says which format it has does not match its checksum')
  if (meta.format === SMALL_ROWS_FORMAT) return meta
  throw new Error(`it has format ${meta.format}; this version reads ${SMALL_ROWS_FORMAT}`)
}

async function createMeta(environment: Environment, directory: string): Promise<Meta> {
  const meta = { format: SMALL_ROWS_FORMAT, nextVersion: 1 }
  const key = encodeKey('smallMeta')
  const value = encodeRow('smallMeta', key, meta)
  await environment.commit((writer) => writer.put(key, value))
  await syncDirectory(directory)
  return meta
}

class SmallRows implements SmallRowsStore {
  readonly #environment: Environment
  readonly #ballast: Ballast
  readonly #options: SmallRowsOptions
  readonly #queue = new GroupCommit<Waiting>({
    bytesMax: FLUSH_BYTES_MAX,
    run: (waiting) => this.#flush(waiting),
  })
  #meta: Meta
  #waitingChanges = 0
  #ended: Error | undefined

  constructor(parts: { environment: Environment; ballast: Ballast; meta: Meta; options: SmallRowsOptions }) {
    this.#environment = parts.environment
    this.#ballast = parts.ballast
    this.#meta = parts.meta
    this.#options = parts.options
  }

  get version(): number {
    return this.#meta.nextVersion - 1
  }

  get<F extends SmallFamilyName>(family: F, key: string): SmallRow<F> | undefined {
    this.#mustBeOpen()
    const name = encodeSmallKey(family, key)
    this.#environment.refresh()
    const value = this.#environment.get(name)
    return value && decoded(family, { key: name, value })
  }

  list<F extends SmallFamilyName>(
    family: F,
    { prefix = '', after, limit }: SmallPage,
  ): readonly SmallRow<F>[] {
    this.#mustBeOpen()
    const { start, end } = smallRangeOf(family, prefix)
    const next = after === undefined ? start : keyAfter(encodeSmallKey(family, after))
    const from = Buffer.compare(next, start) > 0 ? next : start
    this.#environment.refresh()
    return this.#environment.rows({ start: from, end }, limit).map((row) => decoded(family, row))
  }

  *extents(family: SmallFamilyName): Generator<SmallExtent> {
    this.#mustBeOpen()
    const { start, end } = smallRangeOf(family)
    this.#environment.refresh()
    for (let from: Uint8Array = start; ;) {
      const rows = this.#environment.rows({ start: from, end }, EXTENTS_AT_ONCE)
      yield* rows.map(extentOf)
      const last = rows.at(-1)
      if (last === undefined) return
      from = keyAfter(last.key)
    }
  }

  async change(writes: readonly SmallWrite[]): Promise<SmallOutcome> {
    this.#mustBeOpen()
    const change = encodeChange(writes)
    const bytes = change.reduce((sum, { json }) => sum + PAGE_BYTES + 2 * (json?.length ?? 0), 0)
    if (bytes > CHANGE_BYTES_MAX) {
      const message = `A change takes up to ${CHANGE_BYTES_MAX} bytes on the disk; this one might take ${bytes}.`
      throw refusal('invalidArgument', message)
    }
    if (this.#waitingChanges >= QUEUED_CHANGES_MAX || this.#queue.waitingBytes + bytes > QUEUED_BYTES_MAX) {
      const message = `${this.#waitingChanges} changes wait to be stored: the disk is slower than what is asked.`
      throw refusal('overloaded', message, { retryAfterMs: OVERLOADED_RETRY_MS })
    }
    this.#waitingChanges++
    return new Promise<SmallOutcome>((resolve, reject) => {
      this.#queue.push({ bytes, change, resolve, reject })
    })
  }

  async close(): Promise<void> {
    this.#ended ??= refusal('unavailable', 'The small rows are closed: the broker is stopping.')
    await this.#queue.idle()
    await this.#environment.close()
  }

  #mustBeOpen(): void {
    if (this.#ended !== undefined) throw this.#ended
  }

  /** Decides the waiting changes, commits their writes, and answers them. Never rejects. */
  async #flush(waiting: readonly Waiting[]): Promise<void> {
    this.#waitingChanges -= waiting.length
    try {
      const outcomes = await this.#stored(waiting.map(({ change }) => change))
      for (const [place, { resolve, reject }] of waiting.entries()) {
        const outcome = outcomes[place]!
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
      }
    } catch (cause) {
      const error = this.#broken(cause as Error)
      for (const { reject } of [...waiting, ...this.#queue.takeWaiting()]) reject(error)
    }
  }

  async #stored(changes: readonly (readonly EncodedWrite[])[]): Promise<Decisions['outcomes']> {
    this.#environment.refresh()
    const { nextVersion } = this.#meta
    const decisions = decide(changes, { nextVersion, storedVersion: (key) => this.#versionOf(key) })
    if (decisions.writes.size === 0) return decisions.outcomes
    const meta = { ...this.#meta, nextVersion: decisions.nextVersion }
    try {
      await this.#commit(decisions.writes, meta)
    } catch (error) {
      if (!(error instanceof NoRoomForCommit)) throw error
      // Nothing is written, so all changes fail alike: a conflict may be with a write that is not stored either.
      return changes.map(() => ({ is: 'noRoom' }))
    }
    this.#meta = meta
    return decisions.outcomes
  }

  #versionOf(key: Buffer): number {
    const value = this.#environment.get(key)
    return value === undefined ? 0 : versionOf(key, value)
  }

  async #commit(writes: Writes, meta: Meta): Promise<void> {
    const { elapsed = systemTime.elapsed, onCommit } = this.#options
    const startedAt = elapsed()
    const metaKey = encodeKey('smallMeta')
    const metaValue = encodeRow('smallMeta', metaKey, meta)
    const rows = [...writes.values()]
    const bytes = rows.reduce((sum, { value }) => sum + (value?.length ?? 0), metaValue.length)
    const commit = (): Promise<void> =>
      this.#environment.commit(
        (writer) => {
          writer.put(metaKey, metaValue)
          for (const { key, value } of rows) {
            if (value === undefined) writer.remove(key)
            else writer.put(key, value)
          }
        },
        { rows: rows.length + 1, bytes },
      )
    // Freeing a full disk may need writes here, so they may use the ballast's room.
    await commit().catch(async (error: unknown) => {
      if (!(error instanceof NoRoomForCommit) || !(await this.#ballast.giveUpFor(error))) throw error
      await commit()
    })
    onCommit?.(elapsed() - startedAt)
  }

  #broken(cause: Error): Error {
    const error = refusal(
      'outcomeUnknown',
      `Small rows could not be written (${cause.message}); the broker restarts and reads what is stored.`,
      { cause },
    )
    this.#ended = error
    this.#options.onBroken(error)
    return error
  }
}

/** Decodes a row. Throws `corruptData` if the row is damaged. */
function decoded<F extends SmallFamilyName>(family: F, row: Row): SmallRow<F> {
  try {
    return decodeSmallRow(family, row)
  } catch (error) {
    throw isDamage(error) ? damaged(error as Error) : error
  }
}

/** Encodes a change. Throws `invalidArgument` if it has too few or too many rows, or names a row twice. */
function encodeChange(writes: readonly SmallWrite[]): readonly EncodedWrite[] {
  if (writes.length < 1 || writes.length > CHANGE_ROWS_MAX) {
    throw refusal(
      'invalidArgument',
      `A change has 1 to ${CHANGE_ROWS_MAX} rows; this one has ${writes.length}.`,
    )
  }
  const change = writes.map(encodeWrite)
  const keys = new Set(change.map(({ key }) => key.toString('hex')))
  if (keys.size === change.length) return change
  throw refusal('invalidArgument', 'A change names each row once.')
}
