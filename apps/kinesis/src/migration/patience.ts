// Repeats calls to the other side of a migration while they fail for a while: throttled, or out of reach. Pure but for the wait.

/** How long and how a migration waits, and what of the world it needs for that. */
export interface Patience {
  /** A call that has failed for so long fails for good. */
  readonly giveUpAfterMs: number
  readonly monotonic: () => number
  /** From 0 to below 1. */
  readonly random: () => number
  /** Rejects when the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  /** Told of each wait. */
  readonly onWait: (error: Error, delayMs: number) => void
}

const FIRST_DELAY_MS = 100
const DELAY_MS_MAX = 5_000

const throttled = new Set([
  'ProvisionedThroughputExceededException',
  'LimitExceededException',
  'KMSThrottlingException',
  'ThrottlingException',
  'RequestLimitExceeded',
])

/** System errors of a connection that did not come about, or ended. */
const network = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'EHOSTUNREACH'])

/** Whether the same call may succeed later. */
export function isTransient(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  if (throttled.has(error.name) || error.name === 'TimeoutError') return true
  const { $metadata, code } = error as Error & {
    readonly $metadata?: { readonly httpStatusCode?: number }
    readonly code?: string
  }
  return ($metadata?.httpStatusCode ?? 0) >= 500 || (code !== undefined && network.has(code))
}

/** The wait before the next attempt: doubled each time, up to a bound, and less by chance, so that many do not come at once. */
export function delayMsOf(attempt: number, random: number): number {
  return Math.min(DELAY_MS_MAX, FIRST_DELAY_MS * 2 ** attempt) * (0.5 + random / 2)
}

/** Calls until an answer comes. Rejects with the last error once it is not transient, or goes on for too long. */
export async function insist<T>(call: () => Promise<T>, patience: Patience): Promise<T> {
  const deadline = patience.monotonic() + patience.giveUpAfterMs
  for (let attempt = 0; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (!isTransient(error) || patience.signal.aborted) throw error
      const delayMs = delayMsOf(attempt, patience.random())
      if (patience.monotonic() + delayMs > deadline) throw error
      patience.onWait(error, delayMs)
      await patience.sleep(delayMs, patience.signal)
    }
  }
}
