// Removes segments that no manifest names any more, beside everything else. Runs on the owner thread. Nothing waits for it,
// and nothing fails with it: what could not be removed is tried again with the next ones, and by every start.
import { removeDirectory } from '../disk/durable-files.ts'
import type { Faults } from '../disk/faults.ts'
import { segmentPath } from './segment-name.ts'

export class SegmentRemoval {
  readonly #directory: string
  readonly #faults: Faults
  readonly #onRemoved: () => Promise<void>
  /** Names of those that still lie there. */
  readonly #waiting = new Set<string>()
  #running: Promise<void> = Promise.resolve()

  /** `onRemoved` is called when there is more room than before; it must not reject. */
  constructor(options: { directory: string; faults: Faults; onRemoved: () => Promise<void> }) {
    this.#directory = options.directory
    this.#faults = options.faults
    this.#onRemoved = options.onRemoved
  }

  /** Begins to remove these, and those that could not be removed before. */
  start(names: readonly string[]): void {
    for (const name of names) this.#waiting.add(name)
    this.#running = this.#running.then(() => this.#removeWaiting())
  }

  /** Fulfils when nothing is being removed. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #removeWaiting(): Promise<void> {
    for (const name of this.#waiting) {
      try {
        await removeDirectory(segmentPath(this.#directory, name), this.#faults)
        this.#waiting.delete(name)
      } catch {
        // It stays in the list.
      }
    }
    await this.#onRemoved()
  }
}
