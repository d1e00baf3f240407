// Sessions that are not read, or not sent to, for a moment, because a quota of bytes a second is used up. Runs on the main thread
// of every process that listens. One interval serves all of them, and none runs while there are none.
import { systemTime, type Time } from '../../time.ts'

/** How late the end of a pause may be; over time no less gets through, since what is not used is saved. */
const LOOK_MS = 10

interface Pause {
  readonly until: number
  readonly onEnd: () => void
}

export class Pauses {
  readonly #time: Pick<Time, 'elapsed' | 'every'>
  readonly #pauses = new Set<Pause>()
  #stop: (() => void) | undefined

  constructor(time: Pick<Time, 'elapsed' | 'every'> = systemTime) {
    this.#time = time
  }

  get size(): number {
    return this.#pauses.size
  }

  /** Calls `onEnd` after so many milliseconds. */
  add(ms: number, onEnd: () => void): void {
    this.#pauses.add({ until: this.#time.elapsed() + ms, onEnd })
    this.#stop ??= this.#time.every(LOOK_MS, () => this.#look())
  }

  #look(): void {
    const now = this.#time.elapsed()
    for (const pause of this.#pauses) {
      if (pause.until > now) continue
      this.#pauses.delete(pause)
      pause.onEnd()
    }
    if (this.#pauses.size > 0) return
    this.#stop?.()
    this.#stop = undefined
  }
}
