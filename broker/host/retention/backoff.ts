// Decides when work that failed is tried again: later each time, for each name. Host main thread, pure.
import type { Clock } from '../../time.ts'

export interface BackoffOptions {
  readonly elapsed: Clock
  readonly firstMs: number
  readonly mostMs: number
}

export class Backoff {
  readonly #options: BackoffOptions
  readonly #failed = new Map<string, { readonly until: number; readonly waitMs: number }>()

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** Returns true if it is too early to try this again. */
  isWaiting(name: string): boolean {
    const failure = this.#failed.get(name)
    return failure !== undefined && this.#options.elapsed() < failure.until
  }

  /** Called when it failed; returns how long to wait before it is tried again. */
  failed(name: string): number {
    const { elapsed, firstMs, mostMs } = this.#options
    const before = this.#failed.get(name)
    const waitMs = before ? Math.min(mostMs, before.waitMs * 2) : firstMs
    this.#failed.set(name, { until: elapsed() + waitMs, waitMs })
    return waitMs
  }

  succeeded(name: string): void {
    this.#failed.delete(name)
  }

  /** Forgets the names for which `isGone` returns true, because what they name no longer exists. */
  forget(isGone: (name: string) => boolean): void {
    for (const name of this.#failed.keys()) if (isGone(name)) this.#failed.delete(name)
  }
}
