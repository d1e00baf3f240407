// Decides when a refused request may be sent again, and after how long. Runs in the client.
// The error table decides, and no code is named here: the retry kind says whether and how, and the side effects say whether a
// request that must not run twice may be repeated.
import { MillraceError } from '../protocol/millrace-error.ts'
import { clientLimits, type RetryPolicy, type Settings } from './settings.ts'
import { onAbort, sleep, throwIfAborted } from './waiting.ts'

/** Returns true if the request may be sent again; if it is not idempotent, only after an error without side effects. */
export function mayRepeat(error: unknown, idempotent: boolean): error is MillraceError {
  return MillraceError.is(error) && error.retry !== 'never' && (idempotent || error.sideEffects === 'none')
}

/**
 * Exponential in `attempt` (0 for the first retry), capped, the upper half at random; never below what the broker asked, as
 * far as that is to be believed.
 */
export function backoffMs(
  policy: Pick<RetryPolicy, 'backoffMinMs' | 'backoffMaxMs'>,
  attempt: number,
  random: () => number,
  askedMs = 0,
): number {
  const ceiling = Math.min(policy.backoffMaxMs, policy.backoffMinMs * 2 ** Math.min(attempt, 30))
  return Math.max(believedMs(askedMs), ceiling * (0.5 + random() / 2))
}

/** Returns how long to wait if the broker gives a delay, at most what a timer holds, because the broker may be wrong. */
export function believedMs(askedMs: number): number {
  return Math.min(askedMs, clientLimits.askedMsMax)
}

/**
 * Returns the bounds of the backoff for an error. An error that needs a new routing has a short wait: a reshard takes a
 * fraction of a second, so a long wait would be most of the pause. After many attempts it is something else: hosts that name
 * each other, for example.
 */
export function boundsFor(
  error: Pick<MillraceError, 'retry'>,
  policy: RetryPolicy,
  attempt: number,
): Pick<RetryPolicy, 'backoffMinMs' | 'backoffMaxMs'> {
  if (error.retry !== 'reroute' || attempt >= clientLimits.reroutesSoon) return policy
  return {
    backoffMinMs: Math.min(policy.backoffMinMs, clientLimits.rerouteMsMin),
    backoffMaxMs: Math.min(policy.backoffMaxMs, clientLimits.rerouteMsMax),
  }
}

const TIMED_OUT = new Error('the time for the request is over')

export interface RetryingOptions {
  readonly settings: Settings
  readonly idempotent: boolean
  /** True if each attempt uses a new routing. Otherwise the request goes to the controller, and a new routing does not help. */
  readonly isRouted?: boolean
  readonly signal: AbortSignal | undefined
  /** How long the request lets the broker wait for data, beside the time that it may take; 0 by default. */
  readonly waitMs?: number
  /** Name of the request, for the log. */
  readonly what: string
}

/**
 * Runs the request until it succeeds, may not be repeated, or `requestTimeoutMs` and `waitMs` are over. Then it throws the last error, or
 * `timedOut` if an attempt was running. The signal given to `run` ends that attempt.
 */
export async function retrying<T>(
  run: (signal: AbortSignal) => Promise<T>,
  options: RetryingOptions,
): Promise<T> {
  const { settings, signal, waitMs = 0, what } = options
  throwIfAborted(signal)
  const timeoutMs = settings.requestTimeoutMs + waitMs
  const ending = new AbortController()
  const stop = signal === undefined ? undefined : onAbort(signal, () => ending.abort(signal.reason))
  const deadline = settings.monotonic() + timeoutMs
  const timer = setTimeout(() => ending.abort(TIMED_OUT), timeoutMs)
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
    // The last refusal says more than `timedOut`. But if the last attempt may have had effects, the caller must know that.
    if (last !== undefined && options.idempotent) throw last
    const message = `${what} was not answered within ${timeoutMs} ms.`
    throw new MillraceError('timedOut', message, { cause: last ?? error })
  } finally {
    clearTimeout(timer)
    stop?.()
  }
}

/** Repeats a request that is answered, and has to be asked again: never faster than the backoff, however fast the answers come. */
export class Pace {
  readonly #settings: Settings
  readonly #why: Pick<MillraceError, 'retry'>
  #requests = 0
  #last = 0

  /** `why` gives the bounds of the backoff, as an error does. */
  constructor(settings: Settings, why: Pick<MillraceError, 'retry'> = { retry: 'backoff' }) {
    this.#settings = settings
    this.#why = why
  }

  /** Fulfils when the next request may be sent: the first one at once. */
  async next(signal: AbortSignal | undefined): Promise<void> {
    const { retry, random, monotonic } = this.#settings
    if (this.#requests > 0) {
      const bounds = boundsFor(this.#why, retry, this.#requests)
      const waitMs = this.#last + backoffMs(bounds, this.#requests - 1, random) - monotonic()
      if (waitMs > 0) await sleep(waitMs, signal)
    }
    this.#requests++
    this.#last = monotonic()
  }
}

/**
 * Repeats an idempotent request until it succeeds; rejects for an error that stays, once `isHopeless` is true, or when the
 * signal fires.
 */
export async function insist<T>(
  ask: () => Promise<T>,
  options: { readonly settings: Settings; readonly signal: AbortSignal; readonly isHopeless: () => boolean },
): Promise<T> {
  const { retry, random } = options.settings
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      if (!mayRepeat(error, true) || options.isHopeless()) throw error
    }
    await sleep(backoffMs(retry, attempt, random), options.signal)
  }
}
