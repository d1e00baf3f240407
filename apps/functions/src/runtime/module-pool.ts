// The threads of one version of a function's module: a Piscina pool of its own, with bounds of time and memory. Runs in the app. Whatever a
// handler does, its call ends with an answer here: a thread that hangs is ended, and one that dies is replaced with the next call.
import { Piscina } from 'piscina'
import type { RuntimeLimits } from './limits.ts'
import { transferListOf } from '../events/kinesis-batch.ts'
import type { InvocationEvent } from '../invocation.ts'
import { newPhase, phaseOf, phases } from './phases.ts'
import { Slots } from './slots.ts'
import type {
  FunctionError,
  PrintedLine,
  ThreadAnswer,
  ThreadMessage,
  ThreadSetup,
  ThreadTask,
} from './thread-contract.ts'

export interface ModulePoolOptions {
  readonly setup: ThreadSetup
  readonly threads: number
  /** The only environment that the module sees. */
  readonly environment: Readonly<Record<string, string>>
  readonly limits: RuntimeLimits
  readonly monotonic: () => number
  /** Takes what is printed. `requestId` is undefined for what a module prints outside of any call. */
  readonly onPrinted: (requestId: string | undefined, line: PrintedLine) => void
}

/** A call of the handler. */
export interface ModuleCall {
  readonly requestId: string
  /** The buffers of a batch are handed over to the thread. */
  readonly event: InvocationEvent
  readonly timeoutMs: number
  /** Ends the wait for a turn, and a call that is under way with its thread. */
  readonly signal?: AbortSignal | undefined
}

/** Threads ended before they called the handler: nothing was done. */
export class NotBegun extends Error {
  override readonly name = 'NotBegun'

  constructor() {
    super('A thread of the function ended before it called the handler.')
  }
}

/** A call as the pool follows it. */
interface Running {
  readonly begun: () => void
  readonly answered: (answer: ThreadAnswer, isLast: boolean) => void
}

export class ModulePool {
  readonly #options: ModulePoolOptions
  readonly #slots: Slots
  readonly #pool: Piscina<ThreadTask, void>
  readonly #running = new Map<string, Running>()

  constructor(options: ModulePoolOptions) {
    const { setup, threads, environment, limits } = options
    this.#options = options
    this.#slots = new Slots(threads, limits.waitingMax)
    this.#pool = new Piscina<ThreadTask, void>({
      filename: new URL('./thread/handler-worker.js', import.meta.url).href,
      name: 'answer',
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: limits.idleMs,
      // Between calls a thread goes on with what is under way, as keeping connections.
      atomics: 'disabled',
      // That Node's own stripping of types is new is no news of the function.
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { ...environment },
      workerData: setup,
      resourceLimits: { maxOldGenerationSizeMb: setup.memoryMiB },
      recordTiming: false,
    })
    this.#pool.on('message', (message: ThreadMessage) => this.#heard(message))
    // A thread that dies between calls is replaced with the next one.
    this.#pool.on('error', () => {})
  }

  /** Calls that wait for a thread. */
  get waiting(): number {
    return this.#slots.waiting
  }

  get threads(): number {
    return this.#pool.threads.length
  }

  /**
   * Calls the handler. Rejects with NoRoom where too many calls wait, with NotBegun where no thread came to call
   * it, and with the reason of the signal; all else is an answer.
   */
  async call(call: ModuleCall): Promise<ThreadAnswer> {
    await this.#slots.take(call.signal)
    try {
      for (let restarts = 0; ; restarts++) {
        const answer = await this.#callOnce(call)
        if (answer !== undefined) return answer
        // The buffers of a batch went with the thread: who has the records makes another.
        if (call.event.kind === 'kinesis' || restarts >= this.#options.limits.restartsMax)
          throw new NotBegun()
      }
    } finally {
      this.#slots.free()
    }
  }

  /** Lets calls end for a while, then ends the threads. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.limits.drainMs)
    })
    await Promise.race([this.#slots.empty(), tooLong])
    clearTimeout(timer)
    await this.#pool.destroy()
  }

  #heard(message: ThreadMessage): void {
    if (message.type === 'printed') return this.#options.onPrinted(message.requestId, message.line)
    const running = this.#running.get(message.requestId)
    if (message.type === 'begun') running?.begun()
    else running?.answered(message.answer, message.endsFor !== undefined)
  }

  /** The answer; undefined where the thread died before it called the handler. */
  async #callOnce({ requestId, event, timeoutMs, signal }: ModuleCall): Promise<ThreadAnswer | undefined> {
    const { limits, monotonic } = this.#options
    const phase = newPhase()
    const ending = new AbortController()
    const startedAt = monotonic()
    let timer: NodeJS.Timeout
    const answered = new Promise<ThreadAnswer>((resolve) => {
      const end = (answer: ThreadAnswer): void => {
        resolve(answer)
        ending.abort()
      }
      const timeOut = (ms: number, where: string) => (): void =>
        end(failed(timedOut({ requestId, ms, where }), monotonic() - startedAt))
      timer = setTimeout(timeOut(limits.loadMs, ' while its module was loading'), limits.loadMs)
      this.#running.set(requestId, {
        begun: () => {
          clearTimeout(timer)
          timer = setTimeout(timeOut(timeoutMs, ''), timeoutMs)
        },
        answered: (answer, isLast) => (isLast ? end(answer) : resolve(answer)),
      })
    })
    const abort = (): void => ending.abort()
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await this.#pool.run(
        { requestId, timeoutMs, event, phase },
        { signal: ending.signal, transferList: event.kind === 'kinesis' ? transferListOf(event.batch) : [] },
      )
      return await answered
    } catch (error) {
      // Said before the end, or not at all: messages of a thread come before word of its end.
      const said = await Promise.race([answered, Promise.resolve(undefined)])
      if (said !== undefined) return said
      signal?.throwIfAborted()
      const isHandlerReached = phaseOf(phase) !== phases.waiting
      return isHandlerReached
        ? failed(endOf(error, requestId, this.#options.setup), monotonic() - startedAt)
        : undefined
    } finally {
      clearTimeout(timer!)
      signal?.removeEventListener('abort', abort)
      this.#running.delete(requestId)
    }
  }
}

function failed(error: FunctionError, durationMs: number): ThreadAnswer {
  return { outcome: { ok: false, error }, durationMs, memoryBytes: 0 }
}

function timedOut({ requestId, ms, where }: { requestId: string; ms: number; where: string }): FunctionError {
  return {
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${(ms / 1000).toFixed(2)} seconds${where}`,
  }
}

/** Why a thread ended, in the words of Lambda. */
function endOf(error: unknown, requestId: string, { memoryMiB }: ThreadSetup): FunctionError {
  const {
    code,
    message = String(error),
    name = 'Error',
  } = (error ?? {}) as Partial<Error> & { code?: string }
  const start = `RequestId: ${requestId} Error:`
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return {
      errorType: 'Runtime.OutOfMemory',
      errorMessage: `${start} Runtime exited: it needed more than its ${memoryMiB} MiB of memory`,
    }
  }
  const exitCode = /^worker exited with code: (-?\d+)/.exec(message)?.[1]
  if (exitCode === undefined)
    return {
      errorType: 'Runtime.ExitError',
      errorMessage: `${start} Runtime exited with error: ${name}: ${message}`,
    }
  const how =
    exitCode === '0'
      ? 'Runtime exited without providing a reason'
      : `Runtime exited with error: exit status ${exitCode}`
  return { errorType: 'Runtime.ExitError', errorMessage: `${start} ${how}` }
}
