// Waiting that ends early: every wait of the client ends when its AbortSignal fires, leaves no timer and no listener
// behind, and says so with one error. Runs in the client.
import { setMaxListeners } from 'node:events'
import { MillraceError } from '../protocol/millrace-error.ts'

/** The error for a wait that the caller's own signal ended; `cause` is the signal's reason. */
export function abortedBy(signal: AbortSignal): MillraceError {
  return new MillraceError('aborted', 'The wait was ended by its AbortSignal.', { cause: signal.reason })
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedBy(signal)
}

/**
 * Calls the listener when the signal fires, now if it has. Answers how to stop listening. Every wait stops, so a signal
 * that many wait on is no leak, and gets no warning of one.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener()
    return () => {}
  }
  // A signal of another realm or of a polyfill is none that Node knows, and gets no warning.
  if (signal instanceof EventTarget) setMaxListeners(0, signal)
  signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}

/** What the promise settles with, unless the signal fires first. The promise itself goes on and never goes unhandled. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => reject(abortedBy(signal)))
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

/** Waits; rejects with `aborted` when the signal fires first. */
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

/** A promise with its handles outside. */
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

/** Lets a bounded number of tasks run at a time; the others follow in the order in which they came. */
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
      // Who is next takes the place over.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
