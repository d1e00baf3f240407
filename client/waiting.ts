// Waits that end early: every wait of the client ends when its AbortSignal fires, leaves no timer or listener behind, and
// rejects with one error. Runs in the client.
import { setMaxListeners } from 'node:events'
import { MillraceError } from '../protocol/millrace-error.ts'

/**
 * Makes the error of a wait that the caller's own signal ended; `cause` is the signal's reason. `whatOf` is a sentence about what
 * became of what was waited for.
 */
export function abortedBy(signal: AbortSignal, whatOf?: string): MillraceError {
  const message = 'The wait was ended by its AbortSignal.'
  return new MillraceError('aborted', whatOf === undefined ? message : `${message} ${whatOf}`, {
    cause: signal.reason,
  })
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedBy(signal)
}

/**
 * Calls the listener when the signal fires, or now if it has fired. Returns a function that stops listening. Every wait stops
 * listening, so many listeners on one signal are no leak, and Node's warning about them is turned off.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener()
    return () => {}
  }
  // Node does not recognise a signal of another realm or of a polyfill, and gives no warning for it.
  if (signal instanceof EventTarget) setMaxListeners(0, signal)
  signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}

/**
 * Settles like the promise, unless the signal fires first: then rejects with `error`. The promise itself goes on, and its
 * rejection counts as handled.
 */
export function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  error: (signal: AbortSignal) => Error = (fired) => abortedBy(fired),
): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => reject(error(signal)))
    promise.then(
      (value) => {
        stop()
        resolve(value)
      },
      (error: unknown) => {
        stop()
        reject(error instanceof Error ? error : new Error(String(error)))
      },
    )
  })
}

/** Waits; rejects with `aborted` if the signal fires first. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortedBy(signal))
      return
    }
    const timer = setTimeout(() => {
      stop?.()
      resolve()
    }, ms)
    const stop =
      signal === undefined
        ? undefined
        : onAbort(signal, () => {
            clearTimeout(timer)
            reject(abortedBy(signal))
          })
  })
}

/** A promise with the functions that settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

/** Runs a bounded number of tasks at a time; the others follow in the order of the calls. */
export class Gate {
  readonly #max: number
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(max: number) {
    this.#max = max
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#max) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await task()
    } finally {
      // The next task takes the place.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
