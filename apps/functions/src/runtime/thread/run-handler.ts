// Calls a handler, whichever way it gives its result: a promise, a callback, or the value itself. Runs in a thread of a module.
import type { CallContext } from './call-context.ts'
import type { Handler } from './load-handler.ts'

/** Tells when nothing is under way in the thread any more. */
export type UntilIdle = () => Promise<void>

/**
 * Fulfils with what the handler gives, or rejects with what it throws. A handler that declares a callback may call it, return a promise,
 * or do neither: then the result is null when nothing is under way any more.
 */
export async function runHandler(
  handler: Handler,
  event: unknown,
  { context, untilIdle }: { readonly context: CallContext; readonly untilIdle: UntilIdle },
): Promise<unknown> {
  const { promise, resolve, reject } = withResolvers()
  let isCalledBack = false
  const settle = (error: unknown, value: unknown): void => {
    if (error === undefined || error === null) resolve(value)
    else reject(error)
  }
  const callback = (error?: unknown, value?: unknown): void => {
    if (isCalledBack) return
    isCalledBack = true
    if (!context.callbackWaitsForEmptyEventLoop) return settle(error, value)
    void untilIdle().then(() => settle(error, value))
  }
  const returned = handler(event, context, callback)
  if (isThenable(returned)) returned.then(resolve, reject)
  else if (isCalledBack) return promise
  // What else a handler with a callback returns is ignored, as by Lambda: often it is a timer.
  else if (handler.length < CALLBACK_LENGTH) resolve(returned)
  else void untilIdle().then(() => isCalledBack || resolve(null))
  return promise
}

/** Parameters of a handler that takes a callback. */
const CALLBACK_LENGTH = 3

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}

function withResolvers(): {
  readonly promise: Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
} {
  let resolve!: (value: unknown) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<unknown>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
