// What functions print, with Lambda's lines around each call: START, END, REPORT, and the error of a call that failed. Runs in the app. No
// call waits for it: a function that prints faster than its share loses lines, and a line says how many.
import type { FunctionDefinition } from 'millrace/protocol'
import type { InvocationError } from '../invocation.ts'
import type { PrintedLine } from '../runtime/thread-contract.ts'
import { LinePace } from './line-pace.ts'

export type LogLevel = PrintedLine['level'] | 'platform'

/** A line as the stream of the logs has it, under the function's name as partition key. */
export interface LoggedLine {
  /** Milliseconds. */
  readonly at: number
  readonly level: LogLevel
  readonly requestId?: string
  readonly line: string
}

/** Takes lines without delay. What it cannot take is lost, and told by itself. */
export interface LogSink {
  write(name: string, line: LoggedLine): void
}

/** How a call came out. */
export interface CallEnd {
  readonly durationMs: number
  readonly memoryBytes: number | undefined
  readonly error: InvocationError | undefined
}

/** The lines of a call under way. */
export interface CallLog {
  line(line: PrintedLine): void
  end(end: CallEnd): void
}

export const functionLogLimits = {
  /** Lines of one function in a second, on average; more in a short while. */
  linesPerSecond: 2000,
  linesAtOnce: 20_000,
} as const

export interface FunctionLogParts {
  readonly sink: LogSink
  /** Wall time in milliseconds. */
  readonly now: () => number
  readonly limits?: { readonly linesPerSecond: number; readonly linesAtOnce: number }
}

export class FunctionLog {
  readonly #parts: FunctionLogParts
  readonly #paces = new Map<string, LinePace>()

  constructor(parts: FunctionLogParts) {
    this.#parts = parts
  }

  /** Begins the lines of a call. `onLine` takes each as text, whatever becomes of it in the stream. */
  begin(
    name: string,
    requestId: string,
    { memoryMiB }: Pick<FunctionDefinition, 'memoryMiB'>,
    onLine?: (line: string) => void,
  ): CallLog {
    const write = (level: LogLevel, line: string, at = this.#parts.now()): void => {
      onLine?.(line)
      this.#write(name, { at, level, requestId, line })
    }
    write('platform', `START RequestId: ${requestId} Version: $LATEST`)
    return {
      line: ({ at, level, line }) => write(level, line, at),
      end: (end) => {
        if (end.error !== undefined) write('error', errorLine(end.error))
        write('platform', `END RequestId: ${requestId}`)
        write('platform', reportLine(requestId, memoryMiB, end))
      },
    }
  }

  /** A line outside of a call, or after its end. */
  line(name: string, requestId: string | undefined, line: PrintedLine): void {
    this.#write(name, { ...line, ...(requestId !== undefined && { requestId }) })
  }

  /** Forgets a function that is gone. */
  forget(name: string): void {
    this.#paces.delete(name)
  }

  #write(name: string, line: LoggedLine): void {
    let pace = this.#paces.get(name)
    if (pace === undefined) {
      pace = new LinePace(this.#parts.limits ?? functionLogLimits)
      this.#paces.set(name, pace)
    }
    const now = this.#parts.now()
    if (!pace.take(now)) return
    const lost = pace.lost()
    if (lost > 0) {
      const text = `${lost} lines of this function were left out: it printed more than ${pace.linesPerSecond} lines a second.`
      this.#parts.sink.write(name, { at: now, level: 'warn', line: text })
    }
    this.#parts.sink.write(name, line)
  }
}

/** Lambda's REPORT line. */
function reportLine(
  requestId: string,
  memoryMiB: number,
  { durationMs, memoryBytes, error }: CallEnd,
): string {
  const parts = [
    `REPORT RequestId: ${requestId}`,
    `Duration: ${durationMs.toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(durationMs)} ms`,
    `Memory Size: ${memoryMiB} MB`,
  ]
  if (memoryBytes !== undefined && memoryBytes > 0)
    parts.push(`Max Memory Used: ${Math.ceil(memoryBytes / 1024 / 1024)} MB`)
  if (error?.errorType === 'Sandbox.Timedout') parts.push('Status: timeout')
  else if (error !== undefined) parts.push(`Status: error\tError Type: ${error.errorType}`)
  return parts.join('\t')
}

function errorLine({ errorType, errorMessage, stackTrace }: InvocationError): string {
  return `Invoke Error\t${JSON.stringify({ errorType, errorMessage, ...(stackTrace !== undefined && { stack: stackTrace }) })}`
}
