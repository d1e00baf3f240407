// Ends the daemon's process: drains it on a signal, ends it at once on a second one, or on a failure. Controller process.
// Every end waits for the reader of the log for a bounded time only (telemetry/log-output.ts).
// A failure ends the process without a drain: its hosts see their channel close, answer what is in flight and exit, and
// the next start recovers from what is on disk. A process with a broken invariant repairs nothing.
import type { Logger } from './telemetry/log.ts'

// Not SIGHUP: a handler would override `nohup`. Without nohup, SIGHUP ends this process by default, and the hosts drain.
const stopSignals = ['SIGINT', 'SIGTERM'] as const

export interface Ending {
  /** True from the first signal on. */
  readonly isStopping: boolean
  /** Fulfils with the exit code when everything is closed. */
  readonly stopped: Promise<number>
  /** Stops in good order, as the first signal does. */
  stop(reason: string): void
}

export interface EndingOptions {
  readonly log: Logger
  /** Closes everything, in good order. */
  readonly close: () => Promise<void>
  /** Ends all processes that this process has started, at once. */
  readonly kill: () => void
}

/** Handles SIGINT and SIGTERM until the process has stopped. */
export function endOnSignals({ log, close, kill }: EndingOptions): Ending {
  let isStopping = false
  let finish: (exitCode: number) => void
  const stopped = new Promise<number>((resolve) => {
    finish = resolve
  })
  const stop = (reason: string): void => {
    if (isStopping) return
    isStopping = true
    log.info({ reason }, 'stopping: what is in flight is answered, new requests are refused')
    close().then(
      () => {
        for (const signal of stopSignals) process.off(signal, onSignal)
        log.info('stopped')
        finish(0)
      },
      (error: unknown) => {
        log.fatal({ err: error }, 'could not stop in good order; the next start recovers')
        process.exit(1)
      },
    )
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!isStopping) return stop(signal)
    log.warn({ signal }, 'second signal: ending at once')
    kill()
    // Without a handler, a third signal ends the process even if the exit waits for a hanging disk.
    for (const each of stopSignals) process.off(each, onSignal)
    process.exit(1)
  }
  for (const signal of stopSignals) process.on(signal, onSignal)
  return {
    get isStopping() {
      return isStopping
    },
    stopped,
    stop,
  }
}

/**
 * Calls `task` on SIGHUP until the returned function is called. Only for a daemon that has something to read again: otherwise
 * SIGHUP means that the terminal is gone.
 */
export function onHangUp(task: () => void): () => void {
  process.on('SIGHUP', task)
  return () => void process.off('SIGHUP', task)
}

export interface FailStop {
  /** Ends the process now, with a line in the log. */
  readonly fail: (error: Error) => void
  release(): void
}

/** Ends the process on an uncaught exception, until `release` is called. */
export function failStop(log: Logger): FailStop {
  const fail = (error: Error): void => {
    log.fatal({ err: error }, 'the controller cannot go on; its hosts drain, and the next start recovers')
    process.exit(1)
  }
  process.on('uncaughtException', fail)
  return { fail, release: () => void process.off('uncaughtException', fail) }
}
