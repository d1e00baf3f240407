// The log of a process: pino, as JSON lines or as lines for people. Runs in controller, host and command line.
// JSON never blocks the event loop; a fatal line is with the kernel before the call returns.
import {
  destination as openDestination,
  pino,
  stdTimeFunctions,
  type DestinationStream,
  type Logger,
} from 'pino'
import { prettyFactory } from 'pino-pretty'

export type { Logger }

/** Lines that nobody reads are dropped beyond this. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024

export interface LogOptions {
  readonly level: string
  readonly format: 'json' | 'pretty'
  /** What this process is: `controller`, `host-1`. Stands in every line. */
  readonly process: string
  /** Takes the finished lines. Standard output unless given. */
  readonly destination?: DestinationStream
}

/** Opens the log of this process. Its parts take a child each: `log.child({ component: 'supervision' })`. */
export function createLog({ level, format, process: name, destination }: LogOptions): Logger {
  const options = {
    level,
    base: { process: name, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  // A reader of JSON lines that stalls must not stall the broker: lines wait in memory, up to a bound, and are written
  // at exit. On a terminal order matters more, beside what else is printed there.
  const lines =
    destination ?? openDestination({ fd: 1, sync: format === 'pretty', maxLength: WAITING_BYTES_MAX })
  if (format === 'json') return pino(options, lines)
  // Formatted in this thread: pino's transport is a worker thread, which outlives tests and costs a start.
  const prettify = prettyFactory({
    colorize: destination === undefined && process.stdout.isTTY === true,
    ignore: 'pid,process,component',
    messageFormat: (line) => {
      const { process: speaker = '', component, msg = '' } = line as Readonly<Record<string, string>>
      return `${component === undefined ? speaker : `${speaker} ${component}`}: ${msg}`
    },
    translateTime: 'SYS:HH:MM:ss.l',
  })
  return pino(options, { write: (line) => lines.write(prettify(line)) })
}

/** A log that writes nothing. */
export function silentLog(): Logger {
  return pino({ level: 'silent' })
}
