// Turns a failure into a sentence that says what to do, and an exit code. Pure.
// A stack is shown only for a defect, to help to find it, and never for an error that a user can cause.
import { ConfigError } from '../broker/config/config-error.ts'
import { endSentence } from '../client/errors.ts'
import type { ErrorCode } from '../protocol/error-codes.ts'
import { MillraceError } from '../protocol/millrace-error.ts'
import { visible } from '../protocol/text/visible-text.ts'
import type { ExitName } from './exit-codes.ts'

/** Ends a verb with a sentence for people and an exit code. An empty sentence means that the verb has printed its own. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exit: ExitName
  constructor(message: string, exit: ExitName = 'failed', options?: { cause?: unknown }) {
    super(message, options)
    this.exit = exit
  }
}

/** The broker that a verb used, and what named it and the token: `--url`, `profile prod`. */
export interface FailedTarget {
  readonly url: string
  readonly origin: string
  readonly token?: { readonly origin: string }
  /** A file that names this machine's broker and its token, if this user may not read it. */
  readonly unreadable?: string
}

export interface FailureReport {
  readonly message: string
  readonly exit: ExitName
}

const exitOfCode: Partial<Record<ErrorCode, ExitName>> = {
  streamNotFound: 'notFound',
  shardNotFound: 'notFound',
  documentNotFound: 'notFound',
  groupNotFound: 'notFound',
  consumerNotFound: 'notFound',
  principalNotFound: 'notFound',
  credentialNotFound: 'notFound',
  invalidArgument: 'usage',
  unauthenticated: 'denied',
  permissionDenied: 'denied',
  tlsFailed: 'unreachable',
}

const adviceOfCode: Partial<Record<ErrorCode, string>> = {
  streamNotFound: 'See `millrace stream list`, or create it with `millrace stream create`.',
  shardNotFound: 'See `millrace shard list`.',
  consumerNotFound: 'See `millrace consumer list`, or register it with `millrace consumer register`.',
  consumerDisplaced: 'Give each reader a consumer of its own, or let several share the shards as a group.',
  groupNotFound: 'See `millrace group list`.',
  groupInUse: 'With `--force` it is done all the same, and what they have under way is processed again.',
  versionConflict: 'See `millrace document get --json`, and name the version that it has now.',
  streamBusy: 'A change of it is under way: see `millrace stream describe`, and try again.',
  trimmed: 'Read from TRIM_HORIZON to start at the oldest record that is left.',
  storageFull: 'Free some disk space, or lower --free-space-floor; reading still works.',
  producerFenced: 'Another producer took over; start this one anew.',
  corruptData:
    'Stop the broker and run `millrace check` on its data directory; `consume --skip-unreadable` reads what is not damaged.',
  malformedBatch: '`consume --skip-unreadable` reports such records and reads on behind them.',
  codecUnavailable:
    'Or pass `--skip-unreadable` to consume, which reports such records and reads on behind them.',
  permissionDenied: 'See `millrace principal describe` for what you may do.',
  principalNotFound: 'See `millrace principal list`.',
  credentialNotFound: 'See `millrace token list` and `millrace access-key list`.',
  decryptionFailed: '`consume --skip-unreadable` reports such records and reads on behind them.',
  unsupportedVersion: 'Use the command line that came with the broker.',
}

/**
 * Turns any thrown value into a sentence and an exit code. `target` is the broker that the verb used. Without one,
 * network errors come from a broker that cannot listen, whose message already says so.
 */
export function reportFailure(error: unknown, target?: FailedTarget): FailureReport {
  // A SuppressedError: closing failed after another error. The first error matters.
  if (error instanceof Error && 'suppressed' in error) return reportFailure(error.suppressed, target)
  if (error instanceof Failure) return { message: error.message, exit: error.exit }
  if (error instanceof ConfigError) return { message: error.message, exit: 'usage' }
  if (MillraceError.is(error)) {
    const network = networkCauseOf(error)
    if (network !== undefined && target !== undefined) return unreachable(network, target)
    const advice = adviceOn(error.code, target)
    // The text is the broker's: line feeds are escaped, so that it cannot imitate another line of this command.
    const sentence = endSentence(visible(error.message))
    return {
      message: advice === undefined ? sentence : `${sentence} ${advice}`,
      exit: exitOfCode[error.code] ?? 'failed',
    }
  }
  if (isSystemError(error)) {
    if (networkCodes.has(error.code) && target !== undefined) return unreachable(error, target)
    return { message: endSentence(visible(systemMessage(error))), exit: 'failed' }
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { message: `This is a defect of millrace, please report it:\n${text}`, exit: 'failed' }
}

function adviceOn(code: ErrorCode, target: FailedTarget | undefined): string | undefined {
  if (code === 'unauthenticated') return adviceOnCredential(target)
  if (code === 'permissionDenied' && target?.token !== undefined) {
    return `The token is that of ${target.token.origin}: see \`millrace principal describe\` for what it may do.`
  }
  // The port is spoken to in plain text because the file that says otherwise could not be read.
  if (code === 'tlsFailed' && target?.unreadable !== undefined) {
    return `${target.unreadable} says how to reach the broker of this machine, and this user may not read it: run this as the user of the broker, or give --url.`
  }
  return adviceOfCode[code]
}

function adviceOnCredential(target: FailedTarget | undefined): string | undefined {
  if (target === undefined) return undefined
  const { token, unreadable } = target
  if (token !== undefined) return `The token is that of ${token.origin}.`
  if (unreadable !== undefined) {
    return `${unreadable} names a token, and this user may not read it: run this as the user of the broker, or give --token-file.`
  }
  return 'Give a token: --token-file, MILLRACE_TOKEN_FILE or MILLRACE_TOKEN, or a profile that names its file.'
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

/** The network error at the end of a chain of causes, which says more than "connection lost". */
function networkCauseOf(error: unknown): SystemError | undefined {
  for (let depth = 0, at = error; depth < 8 && at instanceof Error; depth++, at = at.cause) {
    if (isSystemError(at) && networkCodes.has(at.code)) return at
  }
  return undefined
}

function unreachable(error: SystemError, { url, origin }: FailedTarget): FailureReport {
  const reasons: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'that name is not known',
    EAI_AGAIN: 'that name cannot be looked up now',
    ETIMEDOUT: 'it does not answer',
  }
  // A flag, a variable and the default need no telling; a profile may have been forgotten.
  const named = /^(-|MILLRACE_|default$)/.test(origin) ? '' : ` (${origin})`
  return {
    message:
      `No broker answers at ${url}${named}: ${reasons[error.code] ?? error.code}. ` +
      'Start one with `millrace serve`, or name another with --url or MILLRACE_URL.',
    exit: 'unreachable',
  }
}

function systemMessage(error: SystemError): string {
  const reasons: Record<string, string> = {
    ENOENT: 'does not exist',
    EACCES: 'may not be accessed by this user: run this as one who may, or name another path',
    EEXIST: error.syscall === 'mkdir' ? 'is there already and is no directory' : 'is there already',
    EISDIR: 'is a directory',
    ENOTDIR: 'is not a directory',
    ENOSPC: 'has no space left',
    EROFS: 'is on a read-only file system',
  }
  const cannotBeMade = error.code === 'ENOENT' && error.syscall === 'mkdir'
  const reason = cannotBeMade ? 'cannot be created there' : reasons[error.code]
  return error.path !== undefined && reason !== undefined ? `${error.path} ${reason}` : error.message
}
