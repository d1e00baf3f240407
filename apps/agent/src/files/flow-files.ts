// The files of one flow: finds them, reads them, and says how each stands. One reader: `next` and `again` are not called side by side.
// Nothing is read ahead: what a flow does not take stays in the files.
import { NO_BYTES } from '../lines/fingerprint.ts'
import { PatternTooSlow } from '../processing/matching-deadline.ts'
import type { CheckedRange, Fingerprint, LineRun } from '../lines/line-run.ts'
import { describeFile, describeLost } from './describe-file.ts'
import type { OpenedFile } from './disk.ts'
import type { FileStatus } from './file-status.ts'
import { FileTracker } from './tracking/file-tracker.ts'
import { findAgain } from './find-again.ts'
import type { FlowFilesOptions, RunLimits } from './flow-file-settings.ts'
import { OpenHandles } from './open-handles.ts'
import { unreadable } from './path-pattern.ts'
import { ChangeHints } from './tracking/change-hints.ts'
import { Polling } from './tracking/polling.ts'
import { RunReader, type Reading, type ReadingEnd } from './run-reader.ts'
import {
  isRead,
  knownOf,
  moveTo,
  passTaken,
  type FileProblem,
  type TrackedFile,
} from './tracking/tracked-file.ts'

/** How long a pattern that took too long is let alone. */
const SLOW_PATTERN_MS = 60_000

/** What came of reading in a file. */
type Attempt =
  | {
      readonly reading: 'header'
      readonly to: number
      readonly head: Fingerprint
      readonly tail: Fingerprint
    }
  | { readonly reading: Reading; readonly end: ReadingEnd; readonly head: Fingerprint }

export class FlowFiles implements AsyncDisposable {
  readonly #options: FlowFilesOptions
  readonly #handles: OpenHandles
  readonly #reader: RunReader
  readonly #tracker: FileTracker
  readonly #polling: Polling
  readonly #hints: ChangeHints
  /** Files in which there may be something to read, in the order in which they have their turns. */
  readonly #ready = new Set<TrackedFile>()
  /** Older file → files that wait for it. */
  readonly #waiting = new Map<TrackedFile, Set<TrackedFile>>()
  #held: string | undefined
  /** What `idle` looks at. Who no longer waits for `idle` may call `next`, and nothing is looked at by both. */
  #looking: Promise<void> = Promise.resolve()
  #isAsking = false
  #isEnded = false

  private constructor(options: FlowFilesOptions) {
    this.#options = options
    this.#handles = new OpenHandles(options.rim.disk)
    this.#reader = new RunReader(options.flow)
    this.#tracker = new FileTracker(options, this.#handles, this.#reader)
    this.#polling = new Polling(options, this.#tracker)
    this.#hints = new ChangeHints(options)
  }

  /** Finds the files that are there, and where to go on in each. Rejects where the pattern is none. */
  static async open(options: FlowFilesOptions): Promise<FlowFiles> {
    const files = new FlowFiles(options)
    files.#tracker.restore()
    files.#take(await files.#polling.poll())
    return files
  }

  /** With `once`: everything that was there is read. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** The next records of some file; undefined where there are none now. Files have their turns, run by run. */
  async next(limits: RunLimits): Promise<LineRun | undefined> {
    this.#isAsking = true
    await this.#looking
    if (!this.#options.flow.once) {
      if (this.#polling.isDue()) this.#take(await this.#polling.poll())
      await this.#lookAt(this.#hints.take())
    }
    const passing: TrackedFile[] = []
    let run: LineRun | undefined
    for (const file of this.#ready) {
      if (limits.signal?.aborted === true) break
      this.#ready.delete(file)
      run = await this.#readOf(file, limits, passing)
      if (run !== undefined) break
    }
    // Long records are passed piece by piece, a piece in each call: files are looked at in between.
    for (const file of passing) this.#ready.add(file)
    if (run !== undefined) this.#isAsking = false
    else if (this.#options.flow.once && this.#ready.size === 0) this.#isEnded = true
    return run
  }

  /**
   * The records of a range that `next` gave, in this life or an earlier one. Rejects where its bytes cannot be read any more: then
   * what was sent of them is delivered, and the rest is not.
   */
  async again(range: CheckedRange): Promise<LineRun> {
    const { positions, rim } = this.#options
    const found = await findAgain(range.file, {
      tracker: this.#tracker,
      handles: this.#handles,
      positions,
      disk: rim.disk,
    })
    if (found !== undefined) {
      try {
        const run = await this.#reader.again(found.handle, range)
        if (run !== undefined)
          return {
            ...run,
            path: found.path,
            modifiedAt: (await found.handle.facts()).modifiedAt,
          }
      } finally {
        await found.done()
      }
    }
    const path = positions.position(range.file)?.path ?? range.file
    const why = found === undefined ? 'it is not found any more' : 'it was truncated or written anew'
    throw new Error(`Bytes ${range.from} to ${range.to} of ${path} cannot be read again: ${why}.`)
  }

  /** Fulfils when there may be more to read, or the signal aborts. */
  async idle(signal: AbortSignal): Promise<void> {
    if (this.#ready.size > 0) return
    this.#looking = this.#looking.then(() =>
      this.#lookAt(this.#hints.arm((file) => this.#tracker.isTracked(file))),
    )
    await this.#looking
    if (this.#ready.size > 0 || signal.aborted) return
    const over = new AbortController()
    const stop = (): void => over.abort()
    signal.addEventListener('abort', stop, { once: true })
    const waits = [
      this.#options.rim.wait(this.#polling.untilDue(), over.signal),
      this.#hints.some(over.signal),
    ]
    await Promise.race(waits)
    stop()
    signal.removeEventListener('abort', stop)
    await Promise.all(waits)
  }

  /** Says why the flow does not call `next`; undefined: it does. */
  hold(reason: string | undefined): void {
    this.#held = reason
  }

  status(): readonly FileStatus[] {
    const { positions } = this.#options
    const standing = { held: this.#held, isAsking: this.#isAsking }
    const nothing = {
      size: 0,
      offset: 0,
      confirmedOffset: 0,
      lagBytes: 0,
      modifiedAt: 0,
    }
    return [
      ...[...this.#tracker.files].map((file) => {
        const confirmed = positions.delivered(file.file).offset
        return describeFile(file, confirmed, this.#tracker.blockerOf(file), standing)
      }),
      ...this.#tracker.lost.map(describeLost),
      ...this.#tracker.passedOver.map((each) => ({ ...nothing, ...each })),
    ]
  }

  close(): Promise<void> {
    this.#hints.close()
    return this.#handles.closeAll()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Takes files that were looked at. */
  #take(files: Iterable<TrackedFile>): void {
    for (const file of files) {
      this.#release(file)
      if (this.#mayHaveRecords(file)) this.#ready.add(file)
      this.#hints.wantIfRoom(file)
    }
  }

  /** Looks at files that may have changed. */
  async #lookAt(files: readonly TrackedFile[]): Promise<void> {
    for (const file of files)
      if (this.#tracker.isTracked(file) && !(await this.#tracker.look(file))) this.#polling.relistSoon()
    this.#take(files)
  }

  /** Files that waited for this one may have their turns now. */
  #release(file: TrackedFile): void {
    const waiting = this.#waiting.get(file)
    if (waiting === undefined) return
    this.#waiting.delete(file)
    for (const each of waiting) this.#ready.add(each)
  }

  #mayHaveRecords(file: TrackedFile): boolean {
    if (isRead(file) || !this.#tracker.isTracked(file)) return false
    if (this.#options.rim.monotonic() < (file.problem?.until ?? 0)) return false
    return file.triedSize !== file.facts.size || this.#mayFlush(file)
  }

  /** True where a record without an end may be taken as it is. */
  #mayFlush(file: TrackedFile): boolean {
    if (file.flushedSize === file.facts.size || !this.#tracker.isSettled(file)) return false
    return this.#options.flow.once || file.isRotated || this.#reader.areMultiLine
  }

  /** Reads a file that has its turn. One that needs another turn for a long record goes to `passing`. */
  async #readOf(file: TrackedFile, limits: RunLimits, passing: TrackedFile[]): Promise<LineRun | undefined> {
    // What was truncated or removed meanwhile has its turn no more.
    if (!this.#tracker.isTracked(file) || isRead(file) || this.#tracker.isHeld(file)) return undefined
    const blocker = this.#tracker.blockerOf(file)
    if (blocker !== undefined) {
      this.#waiting.set(blocker, (this.#waiting.get(blocker) ?? new Set()).add(file))
      return undefined
    }
    let attempt: Attempt | undefined
    try {
      attempt = await this.#attempt(file, limits)
    } catch (error) {
      file.problem = this.#problemOf(file, error as Error)
      await this.#handles.close(file)
    }
    // Outside of the above: what fails in writing positions is not the file's problem, and ends the call.
    return attempt && this.#settle(file, attempt, passing)
  }

  /** What needs the file's bytes; undefined where they are not there, or not enough of them. */
  async #attempt(file: TrackedFile, limits: RunLimits): Promise<Attempt | undefined> {
    const handle = await this.#handles.of(file)
    if (handle === undefined) {
      this.#polling.relistSoon()
      return undefined
    }
    file.problem = undefined
    const { head } = file
    if (file.offset === 0 && this.#options.flow.skipHeaderLines > 0) {
      const to = await this.#reader.headerEnd(handle)
      if (to !== undefined) return { reading: 'header', to, ...(await this.#reader.fingerprints(handle, to)) }
      file.triedSize = file.facts.size
      return undefined
    }
    const end = await this.#endFor(file, handle)
    return { reading: await this.#reader.next(file, handle, end, limits), end, head }
  }

  /** What follows from an attempt for the file and for those that wait for it. */
  async #settle(file: TrackedFile, attempt: Attempt, passing: TrackedFile[]): Promise<LineRun | undefined> {
    const { positions } = this.#options
    const { reading } = attempt
    if (reading === 'header') {
      const { to, head, tail } = attempt
      await positions.confirmed({ file: file.file, from: 0, to, tail })
      file.head = head
      moveTo(file, to, tail)
      passTaken(file)
      if (!isRead(file)) this.#ready.add(file)
    } else if (reading === 'more') {
      passing.push(file)
    } else if (reading === 'nothing') {
      file.triedSize = file.facts.size
      if (attempt.end.isWhole) file.flushedSize = file.facts.size
      else if (this.#mayFlush(file)) this.#ready.add(file)
      this.#release(file)
    } else if (reading === 'truncated') {
      await this.#tracker.truncated(file)
      this.#release(file)
      this.#polling.lookSoon()
      this.#take(this.#tracker.files)
    } else if (reading === 'footer') {
      file.isEnded = true
      this.#release(file)
    } else {
      passTaken(file)
      if (file.head !== attempt.head) positions.noted({ known: knownOf(file), offset: 0, tail: NO_BYTES })
      if (isRead(file)) this.#release(file)
      else this.#ready.add(file)
      this.#hints.want(file)
      return reading
    }
    return undefined
  }

  /** How far to read: not into what need not be read, and over the last end of a line only where that is the last. */
  async #endFor(file: TrackedFile, handle: OpenedFile): Promise<ReadingEnd> {
    const { size } = file.facts
    const taken = file.taken[0]
    if (taken !== undefined && taken.from <= size) return { to: taken.from, isWhole: true }
    const isTried = file.triedSize === size || this.#options.flow.once
    if (!isTried || !this.#mayFlush(file)) return { to: size, isWhole: false }
    if (this.#options.flow.once || file.isRotated) return { to: size, isWhole: true }
    return {
      to: Math.max(file.offset, await this.#reader.lastStart(handle, size)),
      isWhole: true,
    }
  }

  #problemOf(file: TrackedFile, error: Error): FileProblem {
    if (error instanceof PatternTooSlow) {
      const reason = `${error.message} It is after byte ${file.offset}. Simplify the pattern.`
      return {
        state: 'pattern',
        reason,
        until: this.#options.rim.monotonic() + SLOW_PATTERN_MS,
      }
    }
    const { state, reason } = unreadable(file.path, error)
    return { state, reason }
  }
}
