// Removes segments that no manifest names any more, in the background. Runs on the owner thread. Nothing waits for it
// or fails with it: a failed removal is tried again with the next ones, and by every start.
import { removeDirectory } from '../disk/durable-files.ts'
import type { Faults } from '../disk/faults.ts'
import { segmentPath } from './segment-name.ts'

export class SegmentRemoval {
  readonly #directory: string
  readonly #faults: Faults
  readonly #onRemoved: () => Promise<void>
  /** Names of the segments still to be removed. */
  readonly #waiting = new Set<string>()
  #running: Promise<void> = Promise.resolve()

  /** `onRemoved` is called when space was freed; it must not reject. */
  constructor(options: { directory: string; faults: Faults; onRemoved: () => Promise<void> }) {
    this.#directory = options.directory
    this.#faults = options.faults
    this.#onRemoved = options.onRemoved
  }

  /** Starts to remove these segments, and those whose removal failed before. */
  start(names: readonly string[]): void {
    for (const name of names) this.#waiting.add(name)
    this.#running = this.#running.then(() => this.#removeWaiting())
  }

  /** Fulfils when no removal is running. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #removeWaiting(): Promise<void> {
    for (const name of this.#waiting) {
      try {
        await removeDirectory(segmentPath(this.#directory, name), this.#faults)
        this.#waiting.delete(name)
      } catch {
        // The name stays in the list for the next attempt.
      }
    }
    await this.#onRemoved()
  }
}
