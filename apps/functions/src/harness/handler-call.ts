// Calls a user's handler in this process, as a thread of the app would: the same forms of results, and the same errors. Runs in tests. A clock
// that is simulated does not move while it runs, so that a real one looks after handlers that never end.
import { functionArn } from '../runtime/function-environment.ts'
import { runtimeLimits } from '../runtime/limits.ts'
import { describeError } from '../runtime/thread/describe-error.ts'
import { loadHandler, type Handler } from '../runtime/thread/load-handler.ts'
import { runHandler } from '../runtime/thread/run-handler.ts'
import type { InvocationResult } from '../invocation.ts'

/** A handler as a module exports it. */
export type HarnessHandler = (event: never, context: never, callback: never) => unknown

export interface HandlerCallParts {
  readonly handler: HarnessHandler | undefined
  /** An absolute path, with `#export` where it is not `handler`. */
  readonly module: string | undefined
  readonly timeoutMs: number
  /** How long a handler may really take. */
  readonly watchdogMs: number
}

const FUNCTION_NAME = 'harness'

export class HandlerCall {
  readonly #parts: HandlerCallParts
  #handler: Promise<Handler> | undefined

  constructor(parts: HandlerCallParts) {
    this.#parts = parts
  }

  /** Calls the handler; what it throws is a result too. Rejects where it does not end. */
  async call(event: unknown, requestId: string): Promise<InvocationResult> {
    this.#handler ??= this.#load()
    const handler = await this.#handler
    const context = {
      functionName: FUNCTION_NAME,
      functionVersion: '$LATEST',
      invokedFunctionArn: functionArn(FUNCTION_NAME),
      memoryLimitInMB: '128',
      awsRequestId: requestId,
      logGroupName: `/aws/lambda/${FUNCTION_NAME}`,
      logStreamName: FUNCTION_NAME,
      callbackWaitsForEmptyEventLoop: false,
      getRemainingTimeInMillis: () => this.#parts.timeoutMs,
    }
    try {
      const untilIdle = (): Promise<void> => new Promise(() => {})
      const value = await this.#watched(runHandler(handler, event, { context, untilIdle }))
      // Through JSON, as it would come: what has none fails the call.
      const text: string | undefined = JSON.stringify(value)
      return { ok: true, payload: JSON.parse(text ?? 'null') as unknown, requestId, durationMs: 0 }
    } catch (thrown) {
      if (thrown instanceof HandlerHangs) throw thrown
      return { ok: false, error: describeError(thrown, runtimeLimits), requestId, durationMs: 0 }
    }
  }

  async #load(): Promise<Handler> {
    const { handler, module } = this.#parts
    if (handler !== undefined) return handler as Handler
    const [path = '', name = 'handler'] = (module ?? '').split('#', 2)
    return loadHandler(path, name, runtimeLimits)
  }

  async #watched(running: Promise<unknown>): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined
    const hangs = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new HandlerHangs(this.#parts.watchdogMs)), this.#parts.watchdogMs)
    })
    try {
      return await Promise.race([running, hangs])
    } finally {
      clearTimeout(timer)
    }
  }
}

class HandlerHangs extends Error {
  override readonly name = 'HandlerHangs'

  constructor(ms: number) {
    super(
      `The handler did not end within ${ms} ms. Time does not pass in a harness while a handler runs: give it what it waits for.`,
    )
  }
}
