// Watches of documents that wait for a change. Runs in the controller. Each is one entry and one timer, and holds no bytes.
import type { Time } from '../../time.ts'
import { isAt, type DocumentChange, type DocumentPlace } from './changes.ts'

interface Waiting {
  readonly place: DocumentPlace
  /** Ends the wait; nothing there was changed up to this version. */
  readonly wake: (unchangedUntil: number | undefined) => void
}

export class WaitingWatches {
  readonly #time: Pick<Time, 'after'>
  readonly #byKind = new Map<string, Set<Waiting>>()
  #isEnding = false

  constructor(time: Pick<Time, 'after'>) {
    this.#time = time
  }

  /**
   * Waits for a change at the place, for `waitMs` at most, or until the signal fires. Fulfils with the version up to which
   * nothing there was changed since the call; undefined if nothing there was changed at all.
   */
  change(place: DocumentPlace, waitMs: number, signal: AbortSignal): Promise<number | undefined> {
    if (this.#isEnding || waitMs === 0 || signal.aborted) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const end = (): void => wake(undefined)
      const wake = (unchangedUntil: number | undefined): void => {
        cancelTimer()
        signal.removeEventListener('abort', end)
        this.#remove(waiting)
        resolve(unchangedUntil)
      }
      const waiting: Waiting = { place, wake }
      const cancelTimer = this.#time.after(waitMs, end)
      signal.addEventListener('abort', end)
      const ofKind = this.#byKind.get(place.kind) ?? new Set()
      this.#byKind.set(place.kind, ofKind.add(waiting))
    })
  }

  /** Wakes the watches that the change concerns. `before` is the version of the change before it. */
  wake(change: Pick<DocumentChange, 'kind' | 'name'>, before: number): void {
    for (const waiting of this.#byKind.get(change.kind) ?? []) {
      if (isAt(waiting.place, change)) waiting.wake(before)
    }
  }

  /** Ends all waits, now and from now on. */
  end(): void {
    this.#isEnding = true
    for (const ofKind of this.#byKind.values()) for (const { wake } of ofKind) wake(undefined)
  }

  #remove(waiting: Waiting): void {
    const { kind } = waiting.place
    const ofKind = this.#byKind.get(kind)
    ofKind?.delete(waiting)
    if (ofKind?.size === 0) this.#byKind.delete(kind)
  }
}
