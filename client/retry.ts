// When a refused request may be sent again, and how long to wait before. Runs in the client.
// The error table decides: the retry kind says whether and how, the side effects whether a request that may not run
// twice can be repeated. Nothing here knows a single code.
import { MillraceError } from '../protocol/millrace-error.ts'
import { clientLimits, type RetryPolicy, type Settings } from './settings.ts'
import { onAbort, sleep, throwIfAborted } from './waiting.ts'

/** May the request be sent again? One that is not idempotent only where its refusal promises that nothing was done. */
export function mayRepeat(error: unknown, idempotent: boolean): error is MillraceError {
  return MillraceError.is(error) && error.retry !== 'never' && (idempotent || error.sideEffects === 'none')
}

/** Exponential in `attempt` (0 for the first retry), capped, the upper half at random; never below what the broker asked. */
export function backoffMs(
  policy: Pick<RetryPolicy, 'backoffMinMs' | 'backoffMaxMs'>,
  attempt: number,
  random: () => number,
  askedMs = 0,
): number {
  const ceiling = Math.min(policy.backoffMaxMs, policy.backoffMinMs * 2 ** Math.min(attempt, 30))
  return Math.max(askedMs, ceiling * (0.5 + random() / 2))
}

/**
 * The bounds of the backoff for an error. What asks for fresh routing is asked soon: a reshard is done in a fraction of a
 * second, and whoever waits long for it is what makes it last.
 */
export function boundsFor(
  error: Pick<MillraceError, 'retry'>,
  policy: RetryPolicy,
): Pick<RetryPolicy, 'backoffMinMs' | 'backoffMaxMs'> {
  if (error.retry !== 'reroute') return policy
  return {
    backoffMinMs: Math.min(policy.backoffMinMs, clientLimits.rerouteMsMin),
    backoffMaxMs: Math.min(policy.backoffMaxMs, clientLimits.rerouteMsMax),
  }
}

const TIMED_OUT = new Error('the time for the request is over')

export interface RetryingOptions {
  readonly settings: Settings
  readonly idempotent: boolean
  /** Each attempt goes where fresh routing says; else it goes to the controller, which routing does not change. */
  readonly isRouted?: boolean
  readonly signal: AbortSignal | undefined
  /** What is tried, for the log. */
  readonly what: string
}

/**
 * Runs the request until it succeeds, may not be repeated, or `requestTimeoutMs` is over: then throws its last error, or
 * `timedOut` where an attempt was under way. The signal given to `run` ends that attempt.
 */
export async function retrying<T>(
  run: (signal: AbortSignal) => Promise<T>,
  options: RetryingOptions,
): Promise<T> {
  const { settings, signal, what } = options
  throwIfAborted(signal)
  const ending = new AbortController()
  const stop = signal === undefined ? undefined : onAbort(signal, () => ending.abort(signal.reason))
  const deadline = settings.monotonic() + settings.requestTimeoutMs
  const timer = setTimeout(() => ending.abort(TIMED_OUT), settings.requestTimeoutMs)
  let last: MillraceError | undefined
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        return await run(ending.signal)
      } catch (error) {
        if (ending.signal.aborted || !mayRepeat(error, options.idempotent)) throw error
        if (error.retry === 'reroute' && options.isRouted !== true) throw error
        last = error
        const delayMs = backoffMs(settings.retry, attempt, settings.random, error.retryAfterMs)
        if (settings.monotonic() + delayMs >= deadline) throw error
        settings.log({ level: 'debug', message: `${what} is tried again`, delayMs, error })
        await sleep(delayMs, ending.signal)
      }
    }
  } catch (error) {
    if (ending.signal.reason !== TIMED_OUT) throw error
    // What kept it from being done says more than that time is over; but not where the last attempt may have done it.
    if (last !== undefined && options.idempotent) throw last
    const message = `${what} was not answered within ${settings.requestTimeoutMs} ms.`
    throw new MillraceError('timedOut', message, { cause: last ?? error })
  } finally {
    clearTimeout(timer)
    stop?.()
  }
}
