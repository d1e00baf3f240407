// When a flow looks at its files, and at how many: those that grew lately each time, the others in turns, so that ten thousand quiet
// files cost little. Directories are listed when they changed, and from time to time.
import type { FlowFilesOptions } from '../flow-file-settings.ts'
import type { FileTracker } from './file-tracker.ts'
import type { TrackedFile } from './tracked-file.ts'

/** Files that did not grow lately, and directories, that one poll looks at. */
const QUIET_FILES_A_POLL = 256
const DIRECTORIES_A_POLL = 64
/** A file that grew within this time is looked at in each poll. */
const LIVELY_MS = 5_000
const LIVELY_FILES_MAX = 1_024
const LOOKED_AT_A_TIME = 32
/** Listing takes at most about this part of the time. */
const LISTING_SHARE = 1 / 8
/** A directory that changed so shortly before it was listed may have changed again without another time. */
const COARSE_TIME_MS = 50

export class Polling {
  readonly #options: FlowFilesOptions
  readonly #tracker: FileTracker
  #polledAt = -Infinity
  #listedAt = -Infinity
  #listNotBefore = -Infinity
  #isListingDue = true
  #nextQuiet = 0
  #nextDirectory = 0
  /** Directory → when it was changed, as of its listing. */
  readonly #changedAt = new Map<string, number>()

  constructor(options: FlowFilesOptions, tracker: FileTracker) {
    this.#options = options
    this.#tracker = tracker
  }

  isDue(): boolean {
    return this.untilDue() === 0
  }

  untilDue(): number {
    return Math.max(0, this.#polledAt + this.#options.flow.pollMsMin - this.#options.rim.monotonic())
  }

  relistSoon(): void {
    this.#isListingDue = true
  }

  lookSoon(): void {
    this.#polledAt = -Infinity
  }

  /** Looks at files, and returns those that were looked at. */
  async poll(): Promise<Iterable<TrackedFile>> {
    const { rim, flow } = this.#options
    this.#polledAt = rim.monotonic()
    const planned = this.#plan()
    for (let at = 0; at < planned.length; at += LOOKED_AT_A_TIME) {
      const looks = planned.slice(at, at + LOOKED_AT_A_TIME).map((file) => this.#tracker.look(file))
      if ((await Promise.all(looks)).includes(false)) this.#isListingDue = true
    }
    await this.#lookAtDirectories()
    const isOld = rim.monotonic() - this.#listedAt >= flow.refreshMsMax
    if ((!this.#isListingDue && !isOld) || rim.monotonic() < this.#listNotBefore) return planned
    await this.#list()
    return this.#tracker.files
  }

  async #list(): Promise<void> {
    const { rim } = this.#options
    const begunAt = rim.monotonic()
    this.#isListingDue = false
    this.#listedAt = begunAt
    await this.#tracker.relist()
    await this.#tracker.dropRead()
    const endedAt = rim.monotonic()
    this.#listNotBefore = endedAt + (endedAt - begunAt) / LISTING_SHARE
    for (const directory of this.#changedAt.keys())
      if (!this.#tracker.directories.includes(directory)) this.#changedAt.delete(directory)
  }

  /** Files to look at now. */
  #plan(): readonly TrackedFile[] {
    const now = this.#options.rim.monotonic()
    const files = [...this.#tracker.files]
    if (files.length <= QUIET_FILES_A_POLL) return files
    const isLively = (file: TrackedFile) => file.grewAt > file.trackedAt && now - file.grewAt < LIVELY_MS
    const lively = files.filter(isLively).slice(0, LIVELY_FILES_MAX)
    const start = this.#nextQuiet % files.length
    this.#nextQuiet = start + QUIET_FILES_A_POLL
    const quiet = [...files.slice(start), ...files.slice(0, start)].slice(0, QUIET_FILES_A_POLL)
    return [...new Set([...lively, ...quiet])]
  }

  async #lookAtDirectories(): Promise<void> {
    const { directories } = this.#tracker
    const { rim } = this.#options
    const count = Math.min(DIRECTORIES_A_POLL, directories.length)
    for (let step = 0; step < count; step++) {
      const directory = directories[this.#nextDirectory++ % directories.length]!
      const facts = await rim.disk.facts(directory).catch(() => undefined)
      const changedAt = facts?.modifiedAt ?? 0
      if (this.#changedAt.get(directory) === changedAt) continue
      this.#isListingDue = true
      // Compared again the next time, while the file system's clock may still give the same time to another change.
      if (rim.now() - changedAt > COARSE_TIME_MS) this.#changedAt.set(directory, changedAt)
    }
  }
}
