// Access to standard streams, signals, and the end of a pipe. The rest of `cli/` is given this object, so that tests can
// replace the terminal. All text is written by `print` and `tell`, which escape control characters. A reader that closes its
// end of the pipe (`| head`) is success, not failure.
import type { Readable, Writable } from 'node:stream'
import { endSoon } from '../broker/telemetry/end-soon.ts'
import { visibleLines } from '../protocol/text/visible-text.ts'
import { exitCodes } from './exit-codes.ts'

export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  /** Fires when the reader of standard output is gone. */
  readonly outputClosed: AbortSignal
  /** Fires on the next Ctrl-C or SIGTERM; a second signal, of either kind, ends the process at once. */
  interrupted(): AbortSignal
  /** Calls `restore` before such a signal ends the process at once. Returns a function that cancels this. */
  beforeKilled(restore: () => void): () => void
}

const interruptions = ['SIGINT', 'SIGTERM'] as const

/** The terminal of this process. */
export interface ProcessTerminal extends Terminal {
  /**
   * Called when the verb has run. From now on a signal ends the process even if nothing reads its output; if one came before,
   * the output is waited for only for a bounded time.
   */
  finish(): void
}

export function processTerminal(): ProcessTerminal {
  const { stdin, stdout, stderr } = process
  const closed = new AbortController()
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return closed.abort()
    // Results cannot be written, so the command must not end with success.
    stderr.write(`millrace: standard output cannot be written: ${visibleLines(error.message)}.\n`)
    process.exit(exitCodes.failed.code)
  })
  // Errors of standard error are ignored: the work goes on without its progress and summary.
  stderr.on('error', () => {})
  const signals = watchSignals(stderr)
  return { stdin, stdout, stderr, outputClosed: closed.signal, ...signals }
}

/**
 * Listens for signals only while they are handled. At other times signals end the process by default, even if its event
 * loop is busy.
 */
function watchSignals(
  stderr: Terminal['stderr'],
): Pick<ProcessTerminal, 'interrupted' | 'finish' | 'beforeKilled'> {
  let interruption: AbortController | undefined
  let isInterrupted = false
  const restorers = new Set<() => void>()
  const onSignal = (signal: NodeJS.Signals) => {
    if (interruption !== undefined && !isInterrupted) {
      isInterrupted = true
      // Listening stops first: a second signal that is caught before that would be lost.
      settle()
      // The terminal has printed ^C at the cursor.
      if (signal === 'SIGINT' && stderr.isTTY === true) stderr.write('\n')
      return interruption.abort()
    }
    for (const restore of restorers) restore()
    restorers.clear()
    settle()
    process.kill(process.pid, signal)
  }
  // A signal that is on its way while listening stops is lost, so it stops only where it must.
  let isListening = false
  const settle = () => {
    const isNeeded = restorers.size > 0 || (interruption !== undefined && !isInterrupted)
    if (isNeeded === isListening) return
    isListening = isNeeded
    for (const signal of interruptions) {
      if (isNeeded) process.on(signal, onSignal)
      else process.off(signal, onSignal)
    }
  }
  return {
    interrupted() {
      interruption ??= new AbortController()
      settle()
      return interruption.signal
    },
    finish() {
      if (isInterrupted) return endSoon()
      // It goes on listening: a signal that comes now ends the process by `onSignal`.
      interruption = undefined
    },
    beforeKilled(restore) {
      restorers.add(restore)
      settle()
      return () => {
        restorers.delete(restore)
        settle()
      }
    },
  }
}

/**
 * Width of standard output's screen in columns; undefined if it is a file or a pipe, or a terminal that does not say its width
 * and reports 0, as some containers and recorders do.
 */
export function screenColumns({ stdout }: Pick<Terminal, 'stdout'>): number | undefined {
  return stdout.isTTY === true && stdout.columns !== 0 ? stdout.columns : undefined
}

/** Prints one or more lines of results on standard output. */
export function print(terminal: Terminal, line: string): void {
  terminal.stdout.write(`${visibleLines(line)}\n`)
}

/** Prints a result as JSON for scripts; control characters are written as JSON escapes. */
export function printJson(terminal: Terminal, value: unknown, { indent }: { indent?: number } = {}): void {
  print(terminal, JSON.stringify(value, undefined, indent))
}

/** Prints a line for people on standard error, so that it does not get into a pipe. */
export function tell(terminal: Terminal, line: string): void {
  terminal.stderr.write(`${visibleLines(line)}\n`)
}
