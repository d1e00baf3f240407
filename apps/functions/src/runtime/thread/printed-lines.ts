// What a handler prints, taken from the console and the standard streams of its thread. Runs in a thread of a module. A line is handed on
// at once, so that the last one before a hang is not lost; a call that prints without end is cut, with a line that says so.
import { format } from 'node:util'
import type { RuntimeLimits } from '../limits.ts'
import type { LineLevel, PrintedLine } from '../thread-contract.ts'
import { cut } from './describe-error.ts'

type ConsoleMethod = 'log' | 'info' | 'debug' | 'trace' | 'warn' | 'error'

const levels: Readonly<Record<ConsoleMethod, LineLevel>> = {
  log: 'info',
  info: 'info',
  debug: 'debug',
  trace: 'debug',
  warn: 'warn',
  error: 'error',
}

interface Writing {
  write(...given: unknown[]): boolean
}

export class PrintedLines {
  readonly #limits: RuntimeLimits
  readonly #now: () => number
  readonly #hand: (requestId: string | undefined, line: PrintedLine) => void
  #requestId: string | undefined
  #chars = 0
  #lines = 0

  constructor(options: {
    readonly limits: RuntimeLimits
    readonly now: () => number
    readonly hand: (requestId: string | undefined, line: PrintedLine) => void
  }) {
    this.#limits = options.limits
    this.#now = options.now
    this.#hand = options.hand
  }

  /** What is printed from now on belongs to this call. */
  begin(requestId: string): void {
    this.#requestId = requestId
    this.#chars = 0
    this.#lines = 0
  }

  /** Takes what a console and standard streams are given from now on. */
  capture(
    console: Record<ConsoleMethod, (...given: unknown[]) => void>,
    stdout: Writing,
    stderr: Writing,
  ): void {
    for (const [method, level] of Object.entries(levels) as [ConsoleMethod, LineLevel][]) {
      console[method] = (...given) => this.print(level, () => format(...given))
    }
    stdout.write = (...given) => this.#written('info', given)
    stderr.write = (...given) => this.#written('error', given)
  }

  /** Takes one line; `text` is asked for where the line is not beyond the bounds. */
  print(level: LineLevel, text: () => string): void {
    const { printedCharsMax, printedLinesMax, lineCharsMax } = this.#limits
    if (this.#chars > printedCharsMax || this.#lines > printedLinesMax) return
    this.#lines += 1
    const line = cut(text(), lineCharsMax)
    this.#chars += line.length
    const isCut = this.#chars > printedCharsMax || this.#lines > printedLinesMax
    this.#hand(
      this.#requestId,
      isCut ? { at: this.#now(), level: 'warn', line: this.#cutLine() } : { at: this.#now(), level, line },
    )
  }

  #cutLine(): string {
    const { printedCharsMax, printedLinesMax } = this.#limits
    return `What this call prints from here on is left out: a call may print ${printedLinesMax} lines and ${printedCharsMax} characters.`
  }

  #written(level: LineLevel, given: readonly unknown[]): boolean {
    const [chunk] = given
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk as Uint8Array).toString('utf8')
    for (const line of text.replace(/\n$/, '').split('\n', this.#limits.printedLinesMax + 1)) {
      this.print(level, () => line)
    }
    const done = given.findLast((one) => typeof one === 'function') as (() => void) | undefined
    if (done !== undefined) queueMicrotask(done)
    return true
  }
}
