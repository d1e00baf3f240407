// Open environments for reading, a bounded number of them. Runs in the reader pool, and inline in process. Sealed segments
// stay open while they are used most recently. The active one is let go soon after its last use, and at once after an
// error: within a process LMDB shares one environment between threads, and the owner can reopen a broken one only when
// nobody else holds it.
import { invariant } from '../../../protocol/invariant.ts'
import type { Environment, OpenEnvironment } from '../environment.ts'
import { mapBytesOf, segmentPath } from './segment.ts'

const ACTIVE_LINGER_MS = 100
/** Address space where only the size on disk counts. */
const READ_MAP_BYTES = mapBytesOf(0)

export interface SegmentRef {
  readonly directory: string
  readonly number: number
  /** True for the last segment of a list: it may still grow. */
  readonly isActive: boolean
}

interface Entry {
  readonly path: string
  readonly environment: Promise<Environment>
  isActive: boolean
  /** It may have grown since this thread last looked: what it was seen to hold is not final. */
  mayHaveGrown: boolean
  uses: number
  lastUse: number
}

export class SegmentCache {
  readonly #openEnvironment: OpenEnvironment
  readonly #max: number
  /** By path, least recently used first. */
  readonly #entries = new Map<string, Entry>()
  #sweep: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: { openEnvironment: OpenEnvironment; environmentsMax: number }) {
    this.#openEnvironment = options.openEnvironment
    this.#max = options.environmentsMax
  }

  get size(): number {
    return this.#entries.size
  }

  /** Runs `read` on the segment's environment, which must not be kept. */
  async use<T>(ref: SegmentRef, read: (environment: Environment) => T): Promise<T> {
    invariant(!this.#isClosed, 'a segment was read after the reader was closed')
    const entry = this.#entryOf(ref)
    entry.uses++
    try {
      const environment = await entry.environment
      // Once more after it was sealed, too: the view of it may date from before its last commits.
      if (entry.mayHaveGrown) environment.refresh()
      entry.mayHaveGrown = entry.isActive
      return read(environment)
    } catch (error) {
      this.#drop(entry)
      throw error
    } finally {
      entry.uses--
      entry.lastUse = performance.now()
      await this.#trim()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#sweep)
    await Promise.all([...this.#entries.values()].map((entry) => this.#closeEntry(entry)))
  }

  #entryOf({ directory, number, isActive }: SegmentRef): Entry {
    const path = segmentPath(directory, number)
    const found = this.#entries.get(path)
    const entry = found ?? {
      path,
      environment: this.#openEnvironment({ path, mapBytes: READ_MAP_BYTES, readOnly: true }),
      isActive,
      mayHaveGrown: isActive,
      uses: 0,
      lastUse: 0,
    }
    entry.isActive = isActive
    entry.mayHaveGrown ||= isActive
    this.#entries.delete(path)
    this.#entries.set(path, entry)
    if (isActive) this.#sweepLater()
    return entry
  }

  /** After an error. Others that use the entry now will fail the same way, and come here. */
  #drop(entry: Entry): void {
    if (this.#entries.get(entry.path) !== entry) return
    this.#entries.delete(entry.path)
    entry.environment.then((environment) => environment.close()).catch(() => undefined)
  }

  async #trim(): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (this.#entries.size <= this.#max) return
      if (entry.uses === 0) await this.#closeEntry(entry)
    }
  }

  #sweepLater(): void {
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined
      const idleSince = performance.now() - ACTIVE_LINGER_MS
      for (const entry of this.#entries.values()) {
        if (!entry.isActive) continue
        if (entry.uses === 0 && entry.lastUse <= idleSince) void this.#closeEntry(entry)
        else this.#sweepLater()
      }
    }, ACTIVE_LINGER_MS).unref()
  }

  async #closeEntry(entry: Entry): Promise<void> {
    this.#entries.delete(entry.path)
    const environment = await entry.environment.catch(() => undefined)
    await environment?.close()
  }
}
