// How the daemon's process ends: drained on a signal, at once on the second one, or by failure. Controller process.
// No end waits longer than a bound for the reader of the log (telemetry/log-output.ts).
// A failure ends the process without ceremony: its hosts see their channel end, answer what is in flight and exit, and
// the next start recovers from what is on disk. Nothing is repaired in a process that has broken.
import type { Logger } from './telemetry/log.ts'

// Not SIGHUP: a handler would undo what `nohup` asked for. Without nohup it ends this process, and the hosts drain.
const stopSignals = ['SIGINT', 'SIGTERM'] as const

export interface Ending {
  /** True from the first signal on. */
  readonly isStopping: boolean
  /** Fulfils with the exit code once everything is closed. */
  readonly stopped: Promise<number>
  /** Stops in good order, as the first signal does. */
  stop(reason: string): void
}

export interface EndingOptions {
  readonly log: Logger
  /** Closes everything, in good order. */
  readonly close: () => Promise<void>
  /** Ends everything else that this process started, at once. */
  readonly kill: () => void
}

/** Takes over what the process does on signals, until it has stopped. */
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
    // Should the end wait for a disk that hangs, a third one ends the process without asking it.
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

export interface FailStop {
  /** Ends the process now, with a line in the log. */
  readonly fail: (error: Error) => void
  release(): void
}

/** Ends the process on an error that nobody caught, until released. */
export function failStop(log: Logger): FailStop {
  const fail = (error: Error): void => {
    log.fatal({ err: error }, 'the controller cannot go on; its hosts drain, and the next start recovers')
    process.exit(1)
  }
  process.on('uncaughtException', fail)
  return { fail, release: () => void process.off('uncaughtException', fail) }
}
