// Lanes that wait before they send again, each with a timer. Runs in the client. How long a lane waits is decided here, by
// its refusal and by how many there were in a row.
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { backoffMs, believedMs, boundsFor } from '../../retry.ts'
import type { Settings } from '../../settings.ts'
import type { Lane } from '../lanes/lane.ts'
import { producerLimits } from '../options.ts'

export class Backoffs {
  readonly #settings: Pick<Settings, 'retry' | 'random'>
  readonly #timers = new Map<Lane, NodeJS.Timeout>()

  constructor(settings: Pick<Settings, 'retry' | 'random'>) {
    this.#settings = settings
  }

  get size(): number {
    return this.#timers.size
  }

  has(lane: Lane): boolean {
    return this.#timers.has(lane)
  }

  /** Calls `goOn` after the delay, unless the wait is ended before. */
  wait(lane: Lane, delayMs: number, goOn: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(lane)
      goOn()
    }, delayMs)
    this.#timers.set(lane, timer)
  }

  end(lane: Lane): void {
    clearTimeout(this.#timers.get(lane))
    this.#timers.delete(lane)
  }

  /** How long the lane is to wait after one more refusal. */
  delayOf(lane: Lane, refusal: MillraceError): number {
    const { retry, random } = this.#settings
    const { code, retryAfterMs } = refusal
    const attempt = lane.attempts++
    if (code === 'provisionedThroughputExceeded' && retryAfterMs !== undefined) {
      const doubts = attempt - producerLimits.throttledSoon
      if (doubts >= 0) return backoffMs(retry, doubts, random, retryAfterMs)
      // The host knows to the millisecond when the shard takes records again; to wait longer would waste what it may take.
      return Math.max(1, believedMs(retryAfterMs) * (1 + random() / 4))
    }
    return backoffMs(boundsFor(refusal, retry, attempt), attempt, random, retryAfterMs)
  }
}
