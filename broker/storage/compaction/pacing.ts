// Limits the speed of compaction. Runs on the maintenance thread; the arithmetic is pure, and time and sleep are passed
// in. Work is counted after it is done and then waited for, so a batch of any size fits and the average still holds.
// The host can stop a compaction at any time; it stops within one slice of a wait.
import { storageFailure } from '../../channels/failure.ts'
import { isStopped, showProgress } from '../../threads/compaction-progress.ts'
import type { Clock } from '../../time.ts'

/** Work that an idle pacer may do at once before it waits, as milliseconds of its rate. */
const BURST_MS = 50
/** Longest wait between two checks for a stop. */
const SLICE_MS = 50

/** A rate in bytes per second, as a virtual queue: each piece of work moves the time at which the queue is empty. */
export class ByteRate {
  readonly #bytesPerMs: number
  #emptyAt = -Infinity

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000
  }

  /** Counts work done at `now`, in milliseconds. Returns how long to wait before more work, in milliseconds. */
  count(bytes: number, now: number): number {
    this.#emptyAt = Math.max(this.#emptyAt, now - BURST_MS) + bytes / this.#bytesPerMs
    return Math.max(0, this.#emptyAt - now)
  }
}

export interface PacerOptions {
  readonly bytesPerSecond: number
  readonly progress: SharedArrayBuffer
  /** Milliseconds of a monotonic clock. */
  readonly elapsed: Clock
  readonly sleep: (ms: number) => Promise<void>
}

/** Counts what a compaction reads and writes, publishes the counts, and keeps the compaction to its rate. */
export class Pacer {
  readonly #rate: ByteRate
  readonly #progress: SharedArrayBuffer
  readonly #elapsed: Clock
  readonly #sleep: (ms: number) => Promise<void>
  #bytesRead = 0
  #bytesWritten = 0
  /** Bytes counted but not yet waited for. */
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

  /** Waits until the counted bytes are within the rate. Rejects with `aborted` if the host stops the compaction. */
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
