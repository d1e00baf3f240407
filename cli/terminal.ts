// The command's rim: standard streams, signals, and the end of a pipe. Everything else in `cli/` gets this object, so that
// a test can stand in for a terminal. A reader that closes its end of the pipe (`| head`) is success, not failure.
import type { Readable, Writable } from 'node:stream'
import { exitCodes } from './exit-codes.ts'

export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  /** Fires when nobody reads our output any more. */
  readonly outputClosed: AbortSignal
  /** Fires on the first Ctrl-C or SIGTERM from now on; a second one, of either kind, ends the process at once. */
  interrupted(): AbortSignal
}

const interruptions = ['SIGINT', 'SIGTERM'] as const

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  const closed = new AbortController()
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return closed.abort()
    // Whatever is running has nowhere to put its results, and must not end as if they were there.
    stderr.write(`millrace: standard output cannot be written: ${error.message}.\n`)
    process.exit(exitCodes.failed.code)
  })
  // Progress and summaries are for people; when they stop looking, the work still matters.
  stderr.on('error', () => {})
  let interruption: AbortController | undefined
  return {
    stdin,
    stdout,
    stderr,
    outputClosed: closed.signal,
    interrupted() {
      if (interruption === undefined) {
        const controller = new AbortController()
        interruption = controller
        const interrupt = () => {
          for (const signal of interruptions) process.off(signal, interrupt)
          controller.abort()
        }
        for (const signal of interruptions) process.on(signal, interrupt)
      }
      return interruption.signal
    },
  }
}

/** A line of results, on standard output. */
export function print(terminal: Terminal, line: string): void {
  terminal.stdout.write(`${line}\n`)
}

/** A line for people, on standard error, where it does not get into a pipe. */
export function tell(terminal: Terminal, line: string): void {
  terminal.stderr.write(`${line}\n`)
}
