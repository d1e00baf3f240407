// A thread of a function's module: it loads the module with its first call, and answers one call at a time. Runs in a thread of a module.
// Nothing a handler does is let out of here but as an answer: what cannot be undone, such as an error that nobody caught, is answered
// with a last answer, after which the thread waits for its end.
import { answerKeys } from '../../events/kinesis-batch.ts'
import type { InvocationEvent } from '../../invocation.ts'
import type {
  FunctionError,
  ThreadAnswer,
  ThreadMessage,
  ThreadSetup,
  ThreadTask,
} from '../thread-contract.ts'
import { phases, setPhase } from '../phases.ts'
import { answerOf } from './answer-of.ts'
import { callContext, type CallContext } from './call-context.ts'
import { describeError } from './describe-error.ts'
import { LoadFailure, type Handler } from './load-handler.ts'
import type { PrintedLines } from './printed-lines.ts'
import { runHandler, type UntilIdle } from './run-handler.ts'

export interface ModuleThreadParts {
  readonly setup: ThreadSetup
  readonly load: () => Promise<Handler>
  readonly eventOf: (event: InvocationEvent) => unknown
  /** Called once, before the module is loaded: what is there then always is. */
  readonly idleWatch: () => UntilIdle
  readonly heldBytes: () => number
  readonly printed: PrintedLines
  /** A clock in milliseconds that never goes back. */
  readonly monotonic: () => number
  readonly say: (message: ThreadMessage, transfer?: readonly ArrayBuffer[]) => void
  /** Ends the thread at once, where no call is under way. */
  readonly end: () => void
}

interface Call {
  readonly task: ThreadTask
  readonly startedAt: number
  /** What befell the thread during the call ends the call. */
  readonly fail: (error: FunctionError) => void
}

export class ModuleThread {
  readonly #parts: ModuleThreadParts
  #handler: Promise<Handler> | undefined
  #untilIdle: UntilIdle | undefined
  #call: Call | undefined

  constructor(parts: ModuleThreadParts) {
    this.#parts = parts
  }

  /** Runs a call and says its answer. The promise stays open where the thread is to end. */
  async answer(task: ThreadTask): Promise<void> {
    const { monotonic, say } = this.#parts
    const startedAt = monotonic()
    let reason: string | undefined
    const outcome = await new Promise<ThreadAnswer['outcome']>((resolve) => {
      const fail = (error: FunctionError, why: string): void => {
        reason = why
        resolve({ ok: false, error })
      }
      this.#call = {
        task,
        startedAt,
        fail: (error) => fail(error, 'an error was not caught'),
      }
      void this.#run(task).then(resolve, (thrown: unknown) => {
        if (thrown instanceof LoadFailure) fail(thrown.error, 'the module did not load')
        else resolve({ ok: false, error: describeError(thrown, this.#parts.setup.limits) })
      })
    })
    this.#call = undefined
    const memoryBytes = this.#parts.heldBytes()
    const answer = { outcome, durationMs: monotonic() - startedAt, memoryBytes }
    const endsFor = reason ?? this.#fullness(memoryBytes)
    const { requestId } = task
    say(
      { type: 'answered', requestId, answer, ...(endsFor !== undefined && { endsFor }) },
      buffersOf(outcome),
    )
    if (endsFor !== undefined) await new Promise(() => {})
  }

  /** An error that nobody caught, or a promise whose rejection nobody did: it fails the call under way, and ends the thread. */
  uncaught(thrown: unknown, isRejection: boolean): void {
    const { setup, printed, end } = this.#parts
    const described = describeError(thrown, setup.limits)
    const error: FunctionError = isRejection
      ? {
          ...described,
          errorType: 'Runtime.UnhandledPromiseRejection',
          errorMessage: `${described.errorType}: ${described.errorMessage}`,
        }
      : described
    printed.print(
      'error',
      () =>
        `${isRejection ? 'Unhandled rejection' : 'Uncaught exception'}: ${(described.stackTrace ?? []).join('\n')}`,
    )
    if (this.#call === undefined) end()
    else this.#call.fail(error)
  }

  async #run(task: ThreadTask): Promise<ThreadAnswer['outcome']> {
    const { load, eventOf, idleWatch, say, printed, setup } = this.#parts
    printed.begin(task.requestId)
    setPhase(task.phase, phases.loading)
    this.#untilIdle ??= idleWatch()
    this.#handler ??= load()
    const handler = await this.#handler
    const event = eventOf(task.event)
    setPhase(task.phase, phases.running)
    say({ type: 'begun', requestId: task.requestId })
    const value = await runHandler(handler, event, {
      context: this.#contextOf(task),
      untilIdle: this.#untilIdle,
    })
    const { event: given } = task
    const keyOf = given.kind === 'kinesis' && given.batch.wantsRecords ? answerKeys(given.batch) : undefined
    return answerOf(value, keyOf, setup.limits)
  }

  #contextOf({ requestId, timeoutMs }: ThreadTask): CallContext {
    const { setup, monotonic } = this.#parts
    const deadline = monotonic() + timeoutMs
    return callContext({
      ...setup,
      requestId,
      remainingMs: () => Math.max(0, Math.round(deadline - monotonic())),
    })
  }

  /** Why the thread is to be replaced, where it holds too much. */
  #fullness(memoryBytes: number): string | undefined {
    const { memoryMiB, limits } = this.#parts.setup
    const bytesMax = (memoryMiB * 1024 * 1024 * limits.memoryPercentMax) / 100
    return memoryBytes > bytesMax ? 'it holds nearly all of its memory' : undefined
  }
}

function buffersOf(outcome: ThreadAnswer['outcome']): readonly ArrayBuffer[] {
  const output = outcome.ok ? outcome.output : undefined
  return output === undefined ? [] : [output.bytes.buffer, output.ends.buffer]
}
