// The command's rim: standard streams, signals, and the end of a pipe. Everything else in `cli/` gets this object, so that
// a test can stand in for a terminal. All text goes out by `print` and `tell`, which show what a terminal would obey. A reader that closes its end of the pipe (`| head`) is success, not failure.
import type { Readable, Writable } from 'node:stream'
import { visibleLines } from '../protocol/visible-text.ts'
import { exitCodes } from './exit-codes.ts'

export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  /** Fires when nobody reads our output any more. */
  readonly outputClosed: AbortSignal
  /** Fires on the first Ctrl-C or SIGTERM from now on; a second one, of either kind, ends the process at once. */
  interrupted(): AbortSignal
  /** Has `restore` called before such a signal ends the process at once. Returns how to take that back. */
  beforeKilled(restore: () => void): () => void
}

const interruptions = ['SIGINT', 'SIGTERM'] as const

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  const closed = new AbortController()
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return closed.abort()
    // Whatever is running has nowhere to put its results, and must not end as if they were there.
    stderr.write(`millrace: standard output cannot be written: ${visibleLines(error.message)}.\n`)
    process.exit(exitCodes.failed.code)
  })
  // Progress and summaries are for people; when they stop looking, the work still matters.
  stderr.on('error', () => {})
  const signals = watchSignals(stderr)
  return { stdin, stdout, stderr, outputClosed: closed.signal, ...signals }
}

/**
 * Listens only while there is something to do: otherwise the signals end the process as ever, even one whose event loop
 * is busy.
 */
function watchSignals(stderr: Terminal['stderr']): Pick<Terminal, 'interrupted' | 'beforeKilled'> {
  let interruption: AbortController | undefined
  let isInterrupted = false
  const restorers = new Set<() => void>()
  const onSignal = (signal: NodeJS.Signals) => {
    if (interruption !== undefined && !isInterrupted) {
      isInterrupted = true
      // First of all: a second signal that is caught before we stop to listen would be lost.
      settle()
      // A terminal has written ^C where the cursor stands.
      if (signal === 'SIGINT' && stderr.isTTY === true) stderr.write('\n')
      return interruption.abort()
    }
    for (const restore of restorers) restore()
    restorers.clear()
    settle()
    process.kill(process.pid, signal)
  }
  const settle = () => {
    const isNeeded = restorers.size > 0 || (interruption !== undefined && !isInterrupted)
    for (const signal of interruptions) {
      process.off(signal, onSignal)
      if (isNeeded) process.on(signal, onSignal)
    }
  }
  return {
    interrupted() {
      interruption ??= new AbortController()
      settle()
      return interruption.signal
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

/** Width of the screen that standard output is; undefined where it is a file or a pipe. */
export function screenColumns({ stdout }: Pick<Terminal, 'stdout'>): number | undefined {
  return stdout.isTTY === true ? stdout.columns : undefined
}

/** A line of results, or several, on standard output. */
export function print(terminal: Terminal, line: string): void {
  terminal.stdout.write(`${visibleLines(line)}\n`)
}

/** A result as JSON, for scripts: what a terminal would obey is written as JSON's escapes. */
export function printJson(terminal: Terminal, value: unknown, { indent }: { indent?: number } = {}): void {
  print(terminal, JSON.stringify(value, undefined, indent))
}

/** A line for people, on standard error, where it does not get into a pipe. */
export function tell(terminal: Terminal, line: string): void {
  terminal.stderr.write(`${visibleLines(line)}\n`)
}
