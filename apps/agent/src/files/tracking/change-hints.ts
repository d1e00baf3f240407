// Tells at once that files changed, so that a line need not wait for the next poll. Runs in the process of the agent. Hints only: the
// system may tell of a change late, twice or never, and polling finds everything without them. Each watch tells once, so that a file to
// which a program writes without a pause costs no more than a look each time that it was read to its end.
import type { Disk, DiskWatch } from '../disk.ts'
import type { FlowFilesOptions } from '../flow-file-settings.ts'
import type { TrackedFile } from './tracked-file.ts'

/** What is read by a hint is gathered at least so long: writers that write line by line are read in runs. */
const PAUSE_MS = 5
/** A record without an end is read again at each look: one that is longer waits for the next poll. */
const INCOMPLETE_BYTES_MAX = 64 << 10

export class ChangeHints {
  readonly #options: FlowFilesOptions
  readonly #disk: Disk
  /** Files of which changes are wanted: the one that was read last comes last. */
  readonly #wanted = new Set<TrackedFile>()
  readonly #watches = new Map<TrackedFile, DiskWatch>()
  readonly #changed = new Set<TrackedFile>()
  #wake: (() => void) | undefined
  #takenAt = -Infinity

  constructor(options: FlowFilesOptions) {
    this.#options = options
    this.#disk = options.rim.disk
  }

  /** Files may grow again: those that were read last are watched, as many as may be. */
  want(file: TrackedFile): void {
    const { watchesMax } = this.#options.flow
    if (watchesMax === 0) return
    this.#wanted.delete(file)
    this.#wanted.add(file)
    for (const oldest of this.#wanted) {
      if (this.#wanted.size <= watchesMax) break
      this.#drop(oldest)
    }
  }

  /** The same, where there is room. */
  wantIfRoom(file: TrackedFile): void {
    if (this.#wanted.size < this.#options.flow.watchesMax && !this.#wanted.has(file)) this.want(file)
  }

  /** Files that changed since they were watched, each once; none until some time after the last ones. */
  take(): readonly TrackedFile[] {
    if (this.#changed.size === 0 || this.#pauseMs() > 0) return []
    const changed = [...this.#changed]
    this.#changed.clear()
    this.#takenAt = this.#options.rim.monotonic()
    return changed
  }

  /** Watches what is read to its end. Returns the files that are watched from now on: they may have changed just before. */
  arm(isTracked: (file: TrackedFile) => boolean): readonly TrackedFile[] {
    const armed: TrackedFile[] = []
    for (const file of this.#wanted) {
      if (!isTracked(file)) this.#drop(file)
      else if (!this.#watches.has(file) && isCaughtUp(file) && this.#watch(file)) armed.push(file)
    }
    return armed
  }

  /** Fulfils when `take` has files to give, or the signal aborts. */
  async some(signal: AbortSignal): Promise<void> {
    if (this.#changed.size === 0) await this.#change(signal)
    const pauseMs = this.#pauseMs()
    if (pauseMs > 0 && !signal.aborted) await this.#options.rim.wait(pauseMs, signal)
  }

  close(): void {
    for (const file of this.#wanted) this.#drop(file)
  }

  #pauseMs(): number {
    return Math.max(0, this.#takenAt + PAUSE_MS - this.#options.rim.monotonic())
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake)
        this.#wake = undefined
        resolve()
      }
      this.#wake = wake
      if (signal.aborted) wake()
      else signal.addEventListener('abort', wake, { once: true })
    })
  }

  #watch(file: TrackedFile): boolean {
    const watch = this.#disk.watch(file.path, () => {
      this.#unwatch(file)
      this.#changed.add(file)
      this.#wake?.()
    })
    if (watch !== undefined) this.#watches.set(file, watch)
    return watch !== undefined
  }

  #unwatch(file: TrackedFile): void {
    this.#watches.get(file)?.close()
    this.#watches.delete(file)
  }

  #drop(file: TrackedFile): void {
    this.#unwatch(file)
    this.#wanted.delete(file)
    this.#changed.delete(file)
  }
}

/** True where nothing but the beginning of a record is left to read. */
function isCaughtUp({ offset, facts, isListed, isEnded, problem }: TrackedFile): boolean {
  return isListed && !isEnded && problem === undefined && facts.size - offset <= INCOMPLETE_BYTES_MAX
}
