// The log of a process: pino, as JSON lines or as lines for people. Runs in controller, host and command line.
// Both formats escape control characters, because clients and files can put text into a line.
// A line is with the kernel before the call returns, unless the reader stalls: the event loop never waits for it.
import { isatty, WriteStream } from 'node:tty'
import { pino, stdTimeFunctions, type DestinationStream, type Logger, type LoggerOptions } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { visible, visibleLines, visibleWhenParsed } from '../../protocol/text/visible-text.ts'
import { hideTokens } from '../../protocol/text/hidden-tokens.ts'
import { LineBudget } from './line-budget.ts'
import { openLogDescriptor } from './log-descriptor.ts'
import { LogOutput, systemWrites, type LogWrites } from './log-output.ts'
import { countOf, nounFor } from '../../protocol/text/count-text.ts'
import { systemTime } from '../time.ts'

export type { Logger }

/** Far above the lines of a broker itself; it bounds the lines that clients can cause. */
const REPEATED_LINES = { linesMax: 100, windowMs: 10_000, messagesMax: 1000 }

type LogMethod = NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']>

/** How long the end of an output waits for its disk. */
const CLOSE_MS = 2_000

/** Standard output. */
const STDOUT = 1

export interface LogOptions {
  readonly level: string
  readonly format: 'json' | 'pretty'
  /** The name of this process in every line: `controller`, `host-1`. */
  readonly process: string
  /** The descriptor that lines are written to. Default: standard output. */
  readonly descriptor?: number
  /** Takes the finished lines instead of a descriptor. */
  readonly destination?: DestinationStream
}

/** Opens the log of this process. Each part of the process uses a child: `log.child({ component: 'supervision' })`. */
export function createLog(options: LogOptions): Logger {
  const { format, descriptor = STDOUT, destination } = options
  const withColours = destination === undefined && isatty(descriptor) && allowsColours()
  const formatted = format === 'json' ? visibleLines : prettifier(withColours)
  if (destination !== undefined) return loggerOf(options, (line) => destination.write(formatted(line)))
  const output = new LogOutput({
    writes: systemWrites(openLogDescriptor(descriptor)),
    noteOf: (lines) => formatted(droppedNote(options, lines)),
  })
  // However the process ends, unless it is killed, it writes waiting lines, for a bounded time.
  process.on('exit', output.end)
  return loggerOf(options, (line) => output.write(formatted(line)))
}

/** Opens a log of JSON lines on other writes than those of a descriptor; `close` fulfils when they are written, or after a while. */
export function createLogOn(
  writes: LogWrites,
  options: Pick<LogOptions, 'process'>,
): { readonly log: Logger; readonly close: () => Promise<void> } {
  const settings = { ...options, level: 'info', format: 'json' } as const
  const noteOf = (lines: number): string => visibleLines(droppedNote(settings, lines))
  const output = new LogOutput({ writes, noteOf })
  process.on('exit', output.end)
  const close = async (): Promise<void> => {
    await output.idle(CLOSE_MS)
    process.off('exit', output.end)
  }
  return { log: loggerOf(settings, (line) => output.write(visibleLines(line))), close }
}

/** True if NO_COLOR, TERM and similar variables, which Node checks, allow colours. */
function allowsColours(): boolean {
  return WriteStream.prototype.hasColors()
}

/** A log that writes nothing. */
export function silentLog(): Logger {
  return pino({ level: 'silent' })
}

function loggerOf({ level, process: name }: LogOptions, write: (line: string) => void): Logger {
  const settings = {
    level,
    base: { process: name, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { logMethod: sparingly() },
  }
  return pino(settings, { write: (line) => write(hideTokens(line)) })
}

/** Leaves out lines that repeat one message too often; the next written line with that message says how many. */
function sparingly(): LogMethod {
  const budget = new LineBudget({ ...REPEATED_LINES, elapsed: systemTime.elapsed })
  return function (parts, write, level) {
    if (level < pino.levels.values['info']! || level >= pino.levels.values['fatal']!) {
      return write.apply(this, parts)
    }
    const [first, ...rest] = parts as [unknown, ...unknown[]]
    if (isAudit(first)) return write.apply(this, parts)
    const leftOut = budget.admit(String(typeof first === 'string' ? first : rest[0]))
    if (leftOut === undefined) return
    if (leftOut === 0) return write.apply(this, parts)
    const marked =
      typeof first === 'string'
        ? [{ leftOut }, ...(parts as unknown[])]
        : [{ ...(first as object), leftOut }, ...rest]
    write.apply(this, marked as typeof parts)
  }
}

/** Audit lines are bounded by their source, not by their text. */
function isAudit(first: unknown): boolean {
  return typeof first === 'object' && first !== null && 'log' in first && first.log === 'audit'
}

/** Returns a log line, whatever the configured level, that says how many lines were dropped in its place. */
function droppedNote(options: LogOptions, lines: number): string {
  let note = ''
  const log = loggerOf({ ...options, level: 'warn' }, (line) => (note = line))
  const what = `${countOf(lines, 'line')} ${nounFor(lines, 'was', 'were')}`
  log.warn({ droppedLines: lines }, `${what} dropped here: the reader of the log did not take them`)
  return note
}

/** Makes a formatter of lines for people. It runs in this thread: pino's transport is a worker, which is slow to start. */
function prettifier(colorize: boolean): (line: string) => string {
  const prettify = prettyFactory({
    colorize,
    ignore: 'pid,process,component',
    messageFormat: (line) => {
      const { process: speaker = '', component, msg = '' } = line as Readonly<Record<string, string>>
      return `${component === undefined ? speaker : `${speaker} ${component}`}: ${visible(msg)}`
    },
    translateTime: 'SYS:HH:MM:ss.l',
  })
  return (line) => prettify(visibleWhenParsed(line))
}
