// How fast compaction goes. Runs on the maintenance thread; the arithmetic is pure, time and sleep are passed in. Work is
// counted after it was done and then waited for, so that a batch of any size fits and the average still holds. Whoever
// asked may stop it at any moment, within one slice of a wait.
import { storageFailure } from '../../channels/failure.ts'
import { isStopped, showProgress } from '../../threads/compaction-progress.ts'

/** What an idle pacer may do at once before it waits. */
const BURST_MS = 50
/** Longest wait between two looks at whether it is to stop. */
const SLICE_MS = 50

/** A rate in bytes a second, as a virtual queue: each piece of work moves the time at which it is empty. */
export class ByteRate {
  readonly #bytesPerMs: number
  #emptyAt = -Infinity

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000
  }

  /** Counts work done at `now`, in milliseconds. Answers how long to wait before more is done. */
  count(bytes: number, now: number): number {
    this.#emptyAt = Math.max(this.#emptyAt, now - BURST_MS) + bytes / this.#bytesPerMs
    return Math.max(0, this.#emptyAt - now)
  }
}

export interface PacerOptions {
  readonly bytesPerSecond: number
  readonly progress: SharedArrayBuffer
  /** Milliseconds that never go back. */
  readonly elapsed: () => number
  readonly sleep: (ms: number) => Promise<void>
}

/** Counts what a compaction reads and writes, shows it, and holds it to its rate. */
export class Pacer {
  readonly #rate: ByteRate
  readonly #progress: SharedArrayBuffer
  readonly #elapsed: () => number
  readonly #sleep: (ms: number) => Promise<void>
  #bytesRead = 0
  #bytesWritten = 0
  /** Counted, and not yet waited for. */
  #bytesDue = 0

  constructor({ bytesPerSecond, progress, elapsed, sleep }: PacerOptions) {
    this.#rate = new ByteRate(bytesPerSecond)
    this.#progress = progress
    this.#elapsed = elapsed
    this.#sleep = sleep
  }

  read(bytes: number): void {
    this.#bytesDue += bytes
    this.#bytesRead += bytes
  }

  wrote(bytes: number): void {
    this.#bytesDue += bytes
    this.#bytesWritten += bytes
  }

  /** Waits until what was counted is within the rate. Rejects with `aborted` when it is told to stop. */
  async keep(): Promise<void> {
    const until = this.#elapsed() + this.#rate.count(this.#bytesDue, this.#elapsed())
    this.#bytesDue = 0
    showProgress(this.#progress, { bytesRead: this.#bytesRead, bytesWritten: this.#bytesWritten })
    for (;;) {
      this.throwIfStopped()
      const left = until - this.#elapsed()
      if (left <= 0) return
      await this.#sleep(Math.min(left, SLICE_MS))
    }
  }

  throwIfStopped(): void {
    if (!isStopped(this.#progress)) return
    throw storageFailure('aborted', 'The compaction was stopped.')
  }
}
