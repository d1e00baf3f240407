// What the app and the threads of a module say to each other. Types.
import type { InvocationEvent } from '../invocation.ts'
import type { PackedRecords } from '../output/packed-records.ts'
import type { RuntimeLimits } from './limits.ts'

/** What is wrong, in the words of Lambda. */
export interface FunctionError {
  readonly errorType: string
  readonly errorMessage: string
  readonly stackTrace?: readonly string[]
}

/** What a thread is started with. */
export interface ThreadSetup {
  readonly path: string
  readonly handler: string
  readonly memoryMiB: number
  /** What the context of every call says. */
  readonly functionName: string
  readonly functionArn: string
  readonly limits: RuntimeLimits
}

export interface ThreadTask {
  readonly requestId: string
  readonly timeoutMs: number
  readonly event: InvocationEvent
  /** One Int32: how far the call has come, readable when the thread has ended. */
  readonly phase: SharedArrayBuffer
}

export interface ThreadAnswer {
  readonly outcome:
    | {
        readonly ok: true
        /** The answer, or what is left of it beside its records. */
        readonly json: string
        /** The records of the answer, for a batch that wants them. */
        readonly output?: PackedRecords | undefined
      }
    | { readonly ok: false; readonly error: FunctionError }
  readonly durationMs: number
  /** What the thread held after the call, in bytes. */
  readonly memoryBytes: number
}

export type LineLevel = 'debug' | 'info' | 'warn' | 'error'

/** A line that a handler printed. */
export interface PrintedLine {
  readonly at: number
  readonly level: LineLevel
  readonly line: string
}

/** What a thread says beside its answers. */
export type ThreadMessage =
  /** The handler is called now. */
  | { readonly type: 'begun'; readonly requestId: string }
  /** `requestId` is that of the last call, where none is under way, or undefined before the first. */
  | { readonly type: 'printed'; readonly requestId: string | undefined; readonly line: PrintedLine }
  /**
   * The answer of a call. With a reason, the thread takes no other call and waits for its end. It is said here, and not by the pool's own
   * way, so that it comes after all that the call printed.
   */
  | {
      readonly type: 'answered'
      readonly requestId: string
      readonly answer: ThreadAnswer
      readonly endsFor?: string
    }
