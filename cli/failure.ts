// How a failure reads on the terminal: one sentence that says what to do, and the exit code that belongs to it. Pure.
// Nothing that a user can cause is shown with a stack; a defect is, because somebody has to find it.
import { ConfigError } from '../broker/config/config-error.ts'
import { endSentence } from '../client/errors.ts'
import type { ErrorCode } from '../protocol/error-codes.ts'
import { MillraceError } from '../protocol/millrace-error.ts'
import { visible } from '../protocol/visible-text.ts'
import type { ExitName } from './exit-codes.ts'

/** Ends a verb with a sentence for people and a code for scripts. An empty sentence: the verb has said all itself. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exit: ExitName
  constructor(message: string, exit: ExitName = 'failed', options?: { cause?: unknown }) {
    super(message, options)
    this.exit = exit
  }
}

export interface FailureReport {
  readonly message: string
  readonly exit: ExitName
}

const exitOfCode: Partial<Record<ErrorCode, ExitName>> = {
  streamNotFound: 'notFound',
  shardNotFound: 'notFound',
  invalidArgument: 'usage',
}

const adviceOfCode: Partial<Record<ErrorCode, string>> = {
  streamNotFound: 'See `millrace stream list`, or create it with `millrace stream create`.',
  shardNotFound: 'See `millrace shard list`.',
  streamBusy: 'A change of it is under way: see `millrace stream describe`, and try again.',
  trimmed: 'Read from TRIM_HORIZON to start at the oldest record that is left.',
  storageFull: 'Free some disk space, or lower --free-space-floor; reading still works.',
  producerFenced: 'Another producer took over; start this one anew.',
  corruptData:
    'Stop the broker and run `millrace check` on its data directory; `consume --skip-unreadable` reads what is not damaged.',
  malformedBatch: '`consume --skip-unreadable` reports such records and reads on behind them.',
  codecUnavailable:
    'Or pass `--skip-unreadable` to consume, which reports such records and reads on behind them.',
  unsupportedVersion: 'Use the command line that came with the broker.',
}

/**
 * Reads any thrown value as a sentence and an exit code. `url` is the broker that was being talked to; without one, the
 * network's errors are those of a daemon that cannot listen, which has said so itself.
 */
export function reportFailure(error: unknown, url?: string): FailureReport {
  // Closing failed as well, after what went wrong first: that is what matters.
  if (error instanceof Error && 'suppressed' in error) return reportFailure(error.suppressed, url)
  if (error instanceof Failure) return { message: error.message, exit: error.exit }
  if (error instanceof ConfigError) return { message: error.message, exit: 'usage' }
  if (MillraceError.is(error)) {
    const network = networkCauseOf(error)
    if (network !== undefined && url !== undefined) return unreachable(network, url)
    const advice = adviceOfCode[error.code]
    // Words of a broker: no line feed in them makes a second line look like ours.
    const sentence = endSentence(visible(error.message))
    return {
      message: advice === undefined ? sentence : `${sentence} ${advice}`,
      exit: exitOfCode[error.code] ?? 'failed',
    }
  }
  if (isSystemError(error)) {
    if (networkCodes.has(error.code) && url !== undefined) return unreachable(error, url)
    return { message: endSentence(visible(systemMessage(error))), exit: 'failed' }
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { message: `This is a defect of millrace, please report it:\n${text}`, exit: 'failed' }
}

interface SystemError extends Error {
  readonly code: string
  readonly syscall: string
  readonly path?: string
}

const networkCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
])

function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error && typeof (error as { code?: unknown }).code === 'string' && 'syscall' in error
  )
}

/** The network's own error behind a chain of causes: it says more than "connection lost". */
function networkCauseOf(error: unknown): SystemError | undefined {
  for (let depth = 0, at = error; depth < 8 && at instanceof Error; depth++, at = at.cause) {
    if (isSystemError(at) && networkCodes.has(at.code)) return at
  }
  return undefined
}

function unreachable(error: SystemError, url: string): FailureReport {
  const reasons: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'that name is not known',
    EAI_AGAIN: 'that name cannot be looked up now',
    ETIMEDOUT: 'it does not answer',
  }
  return {
    message:
      `No broker answers at ${url}: ${reasons[error.code] ?? error.code}. ` +
      'Start one with `millrace serve`, or name another with --url or MILLRACE_URL.',
    exit: 'unreachable',
  }
}

function systemMessage(error: SystemError): string {
  const reasons: Record<string, string> = {
    ENOENT: 'does not exist',
    EACCES: 'may not be accessed by this user',
    EEXIST: 'is there already and is no directory',
    EISDIR: 'is a directory',
    ENOTDIR: 'is not a directory',
    ENOSPC: 'has no space left',
    EROFS: 'is on a read-only file system',
  }
  const cannotBeMade = error.code === 'ENOENT' && error.syscall === 'mkdir'
  const reason = cannotBeMade ? 'cannot be created there' : reasons[error.code]
  return error.path !== undefined && reason !== undefined ? `${error.path} ${reason}` : error.message
}
