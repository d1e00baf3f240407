// The functions of a broker as they are called by name: modules in threads, and HTTP endpoints. Runs in the app. Every call has an outcome,
// and what it printed goes to the log with Lambda's lines around it.
import type { FunctionDefinition } from 'millrace/protocol'
import type { FunctionLog } from '../logs/function-log.ts'
import type {
  InvocationError,
  InvocationEvent,
  InvocationOptions,
  InvocationResult,
  Invoker,
} from '../invocation.ts'
import type { PackedRecords } from '../output/packed-records.ts'
import type { HttpTargets } from '../wire/http-targets.ts'
import type { RuntimeLimits } from './limits.ts'
import { NotBegun } from './module-pool.ts'
import { ModuleTarget, type ModuleDefinition } from './module-target.ts'
import type { WatchModule } from './module-watch.ts'
import { NoRoom } from './slots.ts'
import type { PrintedLine } from './thread-contract.ts'

/** Definitions by name, as they are now. */
export interface FunctionBook {
  get(name: string): FunctionDefinition | undefined
}

export interface FunctionsParts {
  readonly book: FunctionBook
  readonly log: FunctionLog
  readonly http: HttpTargets
  readonly watch: WatchModule
  /** Threads of each module, at most. */
  readonly threads: number
  readonly limits: RuntimeLimits
  readonly monotonic: () => number
  readonly newId: () => string
}

/** How a call came out, its answer still a text. */
export interface CallOutcome {
  readonly requestId: string
  readonly durationMs: number
  readonly result:
    | { readonly ok: true; readonly json: string; readonly output?: PackedRecords | undefined }
    | { readonly ok: false; readonly error: InvocationError }
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly deadlineMs?: number | undefined
  /** Takes the lines of the call, those of the log around it too. */
  readonly onLine?: ((line: string) => void) | undefined
}

export class Functions implements Invoker {
  readonly #parts: FunctionsParts
  readonly #modules = new Map<string, ModuleTarget>()
  readonly #calls = new Map<string, (line: PrintedLine) => void>()

  constructor(parts: FunctionsParts) {
    this.#parts = parts
  }

  async invoke(name: string, event: InvocationEvent, options: InvocationOptions): Promise<InvocationResult> {
    const { requestId, durationMs, result } = await this.call(name, event, options)
    if (!result.ok) return { ok: false, error: result.error, requestId, durationMs }
    const { json, output } = result
    try {
      return { ok: true, payload: JSON.parse(json) as unknown, output, requestId, durationMs }
    } catch {
      // Threads give JSON; an endpoint gives what it likes.
      const errorMessage = `The endpoint of the function ${name} answered with no JSON: ${json.slice(0, ANSWER_SHOWN)}`
      return {
        ok: false,
        error: { errorType: 'Runtime.InvalidResponse', errorMessage },
        requestId,
        durationMs,
      }
    }
  }

  /** Calls a function. Rejects only with the reason of the signal. */
  async call(name: string, event: InvocationEvent, options: CallOptions = {}): Promise<CallOutcome> {
    const { book, newId, log, monotonic } = this.#parts
    const requestId = newId()
    const definition = book.get(name)
    if (definition === undefined)
      return notCalled(requestId, 'ResourceNotFoundException', `There is no function ${name}.`)
    const entry = log.begin(name, requestId, definition, options.onLine)
    const startedAt = monotonic()
    this.#calls.set(requestId, (line) => entry.line(line))
    let memoryBytes: number | undefined
    let outcome: CallOutcome | undefined
    try {
      if (isModule(definition)) {
        const { outcome: result, ...answer } = await this.#moduleOf(name, definition).call({
          requestId,
          event,
          timeoutMs: Math.min(definition.timeoutMs, options.deadlineMs ?? Infinity),
          signal: options.signal,
        })
        memoryBytes = answer.memoryBytes
        outcome = { requestId, durationMs: answer.durationMs, result }
      } else {
        const result = await this.#parts.http.call({
          name,
          requestId,
          event,
          definition,
          signal: options.signal,
        })
        outcome = { requestId, durationMs: monotonic() - startedAt, result }
      }
      return outcome
    } catch (error) {
      if (!(error instanceof NoRoom) && !(error instanceof NotBegun)) throw error
      outcome = notCalled(
        requestId,
        'TooManyRequestsException',
        `The function ${name} was not called: ${error.message}`,
      )
      return outcome
    } finally {
      this.#calls.delete(requestId)
      entry.end({
        durationMs: outcome?.durationMs ?? monotonic() - startedAt,
        memoryBytes,
        error: errorOf(outcome),
      })
    }
  }

  /** Ends the threads of functions that are gone. */
  forget(name: string): void {
    const module = this.#modules.get(name)
    this.#modules.delete(name)
    void module?.close()
  }

  /** Lets calls under way end for a while, then ends all threads and connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#modules.values()].map((module) => module.close()))
    this.#parts.http.close()
  }

  #moduleOf(name: string, definition: ModuleDefinition): ModuleTarget {
    const { limits, monotonic, threads, watch } = this.#parts
    const known = this.#modules.get(name)
    known?.update(definition)
    if (known !== undefined) return known
    const module = new ModuleTarget(definition, {
      name,
      limits,
      monotonic,
      threads,
      watch,
      onPrinted: (requestId, line) => this.#printed(name, requestId, line),
    })
    this.#modules.set(name, module)
    return module
  }

  /** What comes after its call has ended, or outside of any, is kept all the same. */
  #printed(name: string, requestId: string | undefined, line: PrintedLine): void {
    const take = requestId === undefined ? undefined : this.#calls.get(requestId)
    if (take === undefined) this.#parts.log.line(name, requestId, line)
    else take(line)
  }
}

/** Characters of an answer that an error shows. */
const ANSWER_SHOWN = 200

function isModule(definition: FunctionDefinition): definition is ModuleDefinition {
  return definition.target.type === 'module'
}

function notCalled(requestId: string, errorType: string, errorMessage: string): CallOutcome {
  return {
    requestId,
    durationMs: 0,
    result: { ok: false, error: { errorType, errorMessage, isThrottle: true } },
  }
}

function errorOf(outcome: CallOutcome | undefined): InvocationError | undefined {
  return outcome === undefined || outcome.result.ok ? undefined : outcome.result.error
}
