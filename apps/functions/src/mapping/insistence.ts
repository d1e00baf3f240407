// Work of a shard that is tried until it succeeds, and shown for as long as it does not: output, and documents about failures. Runs in the app.
import type { Standstill } from '../progress/shard-progress.ts'
import { standstillDetail } from '../progress/standstill-detail.ts'
import { retryDelayMs } from './rules.ts'

export interface InsistenceParts {
  readonly now: () => number
  readonly random: () => number
  /** Says whether there is no use in trying again. */
  readonly isOver: (error: unknown) => boolean
  /** Called when what stands still has changed. */
  readonly onChange: () => void
}

/** What is tried, in the words of a standstill. */
export type Insisted = Pick<Standstill, 'reason' | 'lane' | 'from' | 'to'>

export class Insistence {
  readonly #parts: InsistenceParts
  readonly #troubles = new Map<string, Standstill>()
  readonly #stopping = new AbortController()

  constructor(parts: InsistenceParts) {
    this.#parts = parts
  }

  /** What has failed, and is tried again. */
  get standstills(): readonly Standstill[] {
    return [...this.#troubles.values()]
  }

  /** Differs where something else stands still, or for another reason. */
  get text(): string {
    return [...this.#troubles].map(([key, { detail }]) => `${key} ${detail}`).join('\n')
  }

  get isStopped(): boolean {
    return this.#stopping.signal.aborted
  }

  /** Ends what is tried, and lets nothing more be. */
  stop(): void {
    this.#stopping.abort()
  }

  /** Tries until it succeeds; fulfils with false if it is stopped before, or there is no use in going on. Never rejects. */
  async on(what: Insisted, attempt: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    const { now, random, isOver, onChange } = this.#parts
    const { signal } = this.#stopping
    const key = `${what.reason} ${what.lane} ${what.from}`
    for (let attempts = 1; !signal.aborted; attempts++) {
      try {
        await attempt(signal)
        if (this.#troubles.delete(key)) onChange()
        return true
      } catch (error) {
        if (signal.aborted || isOver(error)) return false
        const detail = standstillDetail(error instanceof Error ? error.message : String(error))
        const since = this.#troubles.get(key)?.since ?? now()
        this.#troubles.set(key, { ...what, detail, attempts, since })
        onChange()
        await pause(retryDelayMs(attempts, random), signal)
      }
    }
    return false
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(over, ms)
    function over(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', over)
      resolve()
    }
    signal.addEventListener('abort', over, { once: true })
  })
}
