// A bounded number of environments open for reading. Runs in the reader pool, and inline in process. Sealed segments
// stay open for a while after their last use; one whose directory was removed is closed at once, because only then does
// its disk space come back. The active segment is closed soon after its last use, and at once after an error: within a
// process LMDB shares one environment between threads, and the owner can reopen a broken one only when no reader has it
// open.
import { existsSync } from 'node:fs'
import { refusal } from '../../../protocol/refusal.ts'
import type { Environment, OpenEnvironment } from '../environment.ts'
import { ACTIVE_LINGER_MS, isReopening, untilReopened } from './reopening.ts'
import { openForReading } from './segment.ts'
import { segmentPath } from './segment-name.ts'

/** How long a read of the active segment waits while its owner reopens it. */
const REOPENING_WAIT_MS = 2000
/** A sealed segment is closed after this long without a read. */
const SEALED_LINGER_MS = 10_000
/** How often the cache looks for sealed segments that are idle or removed. */
const SEALED_SWEEP_MS = 1000

export interface SegmentRef {
  readonly directory: string
  readonly name: string
  /** True for the last segment of a list: it may still grow. */
  readonly isActive: boolean
}

/** An open segment, and the number of reads under way on it. */
class Entry {
  readonly path: string
  readonly #environment: Promise<Environment>
  readonly #closed: Promise<void>
  #close!: (closing: Promise<void>) => void
  #isRetired = false
  isActive = false
  uses = 0
  lastUse = 0

  constructor(path: string, environment: Promise<Environment>) {
    this.path = path
    this.#environment = environment
    this.#closed = new Promise((resolve) => {
      this.#close = resolve
    })
  }

  async use<T>(read: (environment: Environment) => T): Promise<T> {
    this.uses++
    try {
      const environment = await this.#environment
      try {
        return read(environment)
      } finally {
        // A kept read transaction would miss later commits, and keep the owner from reusing pages.
        environment.refresh()
      }
    } finally {
      this.uses--
      this.lastUse = performance.now()
      this.#closeIfDone()
    }
  }

  /** Closes the environment after the last read under way; fulfils when it is closed. */
  retire(): Promise<void> {
    this.#isRetired = true
    this.#closeIfDone()
    return this.#closed
  }

  #closeIfDone(): void {
    if (!this.#isRetired || this.uses > 0) return
    // An environment that failed to open has nothing to close.
    this.#close(this.#environment.then((environment) => environment.close()).catch(() => undefined))
  }
}

export class SegmentCache {
  readonly #openEnvironment: OpenEnvironment
  readonly #max: number
  /** By path, least recently used first. */
  readonly #entries = new Map<string, Entry>()
  #sweep: NodeJS.Timeout | undefined
  #sweepAt = Infinity
  #isClosed = false

  constructor(options: { openEnvironment: OpenEnvironment; environmentsMax: number }) {
    this.#openEnvironment = options.openEnvironment
    this.#max = options.environmentsMax
  }

  /** Runs `read` on the segment's environment, which `read` must not keep. Rejects with `unavailable` after `close`. */
  async use<T>(ref: SegmentRef, read: (environment: Environment) => T): Promise<T> {
    if (this.#isClosed) throw refusal('unavailable', 'The reader of stored batches was closed.')
    if (ref.isActive) await this.#giveWay(ref)
    const entry = this.#entryOf(ref)
    try {
      return await entry.use(read)
    } catch (error) {
      if (this.#entries.get(entry.path) === entry) void this.#retire(entry)
      throw error
    } finally {
      await this.#trim()
    }
  }

  /** Closes all environments after the reads under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#sweep)
    await Promise.all([...this.#entries.values()].map((entry) => this.#retire(entry)))
  }

  /** Closes the active segment and waits while its owner reopens it. */
  async #giveWay({ directory, name }: SegmentRef): Promise<void> {
    if (!isReopening(directory)) return
    const entry = this.#entries.get(segmentPath(directory, name))
    if (entry !== undefined) void this.#retire(entry)
    if (await untilReopened(directory, REOPENING_WAIT_MS)) return
    throw refusal('unavailable', 'Storage failed and is not open again yet.')
  }

  #entryOf({ directory, name, isActive }: SegmentRef): Entry {
    const path = segmentPath(directory, name)
    let entry = this.#entries.get(path)
    if (entry === undefined) {
      entry = new Entry(path, openForReading(this.#openEnvironment, path))
    }
    entry.isActive = isActive
    this.#entries.delete(path)
    this.#entries.set(path, entry)
    this.#sweepWithin(isActive ? ACTIVE_LINGER_MS : SEALED_SWEEP_MS)
    return entry
  }

  async #trim(): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (this.#entries.size <= this.#max) return
      if (entry.uses === 0) await this.#retire(entry)
    }
  }

  /** The timer does not keep the process alive. */
  #sweepWithin(ms: number): void {
    const at = performance.now() + ms
    if (at >= this.#sweepAt) return
    clearTimeout(this.#sweep)
    this.#sweepAt = at
    this.#sweep = setTimeout(() => this.#sweepNow(), ms).unref()
  }

  #sweepNow(): void {
    this.#sweepAt = Infinity
    const now = performance.now()
    for (const entry of this.#entries.values()) {
      const lingerMs = entry.isActive ? ACTIVE_LINGER_MS : SEALED_LINGER_MS
      const isIdle = entry.uses === 0 && entry.lastUse <= now - lingerMs
      if (isIdle || !existsSync(entry.path)) void this.#retire(entry)
      else this.#sweepWithin(entry.isActive ? ACTIVE_LINGER_MS : SEALED_SWEEP_MS)
    }
  }

  #retire(entry: Entry): Promise<void> {
    this.#entries.delete(entry.path)
    return entry.retire()
  }
}
