// Calls a user's handler in this process, as a thread of the app would: the same forms of results, and the same errors. Runs in tests. A clock
// that is simulated does not move while it runs, so that a real one looks after handlers that never end.
import { parseTarget } from '../definitions/target.ts'
import { functionArn } from '../runtime/function-environment.ts'
import { runtimeLimits } from '../runtime/limits.ts'
import { answerOf } from '../runtime/thread/answer-of.ts'
import { callContext } from '../runtime/thread/call-context.ts'
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

/** What became of a call. */
export interface HandlerAnswer {
  readonly result: InvocationResult
  /** What the handler gave, with the records of it; undefined where it failed. */
  readonly given: unknown
}

const FUNCTION_NAME = 'harness'
const MEMORY_MIB = 128

export class HandlerCall {
  readonly #parts: HandlerCallParts
  #handler: Promise<Handler> | undefined

  constructor(parts: HandlerCallParts) {
    this.#parts = parts
  }

  /** Calls the handler; what it throws is a result too. `keyOf`: the answer has records. Rejects where the handler does not end. */
  async call(
    event: unknown,
    requestId: string,
    keyOf: ((index: number, count: number) => string) | undefined,
  ): Promise<HandlerAnswer> {
    this.#handler ??= this.#load()
    const handler = await this.#handler
    const context = callContext({
      functionName: FUNCTION_NAME,
      functionArn: functionArn(FUNCTION_NAME),
      memoryMiB: MEMORY_MIB,
      requestId,
      remainingMs: () => this.#parts.timeoutMs,
    })
    // What is under way beside the handler is not waited for: nothing says when it is over.
    context.callbackWaitsForEmptyEventLoop = false
    const rest = { requestId, durationMs: 0 }
    try {
      const untilIdle = (): Promise<void> => new Promise(() => {})
      const value = await this.#watched(runHandler(handler, event, { context, untilIdle }))
      const outcome = answerOf(value, keyOf, runtimeLimits)
      if (!outcome.ok) return { result: { ...outcome, ...rest }, given: undefined }
      const { json, output } = outcome
      // Through JSON, as it would come.
      const payload: unknown = JSON.parse(json)
      return { result: { ok: true, payload, output, ...rest }, given: keyOf ? plain(value) : payload }
    } catch (thrown) {
      if (thrown instanceof HandlerHangs) throw thrown
      const error = describeError(thrown, runtimeLimits)
      return { result: { ok: false, error, ...rest }, given: undefined }
    }
  }

  async #load(): Promise<Handler> {
    const { handler, module } = this.#parts
    if (handler !== undefined) return handler as Handler
    const target = parseTarget(module ?? '', '/')
    if (target.type !== 'module') throw new Error(`${module} is no module.`)
    return loadHandler(target.path, target.handler, runtimeLimits)
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

/** What a value is after JSON. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value) ?? 'null') as unknown
}
