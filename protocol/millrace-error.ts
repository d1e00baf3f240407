// The error that crosses boundaries: the wire, threads, and the client's API. Runs anywhere.
// Programs decide by the code alone; the message is for people and never parsed.
import { hideTokens } from './text/hidden-tokens.ts'
import { errorCodes, type ErrorCode, type Retry, type SideEffects } from './error-codes.ts'

// A registered symbol, so that errors from other realms and from other copies of this package are recognised.
const brand = Symbol.for('millrace.error')

/** What an error may carry beside its code and its message. */
export interface ErrorDetails {
  readonly cause?: unknown
  readonly retryAfterMs?: number
  /** 'none' if nothing was done, although the code alone would leave that open. */
  readonly sideEffects?: 'none'
  /** The stored records that the error is about. */
  readonly records?: RecordsPlace
  /** The version that the document has; 0 if there is none. */
  readonly currentVersion?: number
  /** How the records that the error is about were tried. */
  readonly attempts?: readonly AppendAttempt[]
}

/** One attempt to have records stored: they were sent to a shard, which answered or did not. */
export interface AppendAttempt {
  /** 1 for the first. */
  readonly number: number
  /** The shard that they were sent to; after a split or a merge it is another one. */
  readonly shardId: string
  /** When they were sent, by the clock of this process. */
  readonly sentAt: Date
  /** Until the answer, or until it was clear that none would come. */
  readonly tookMs: number
  /** Why they were not stored; null where they were. */
  readonly errorCode: ErrorCode | null
}

/** A range of stored records of one shard. */
export interface RecordsPlace {
  readonly shardId: string
  /** Sequence number of the first record. */
  readonly firstSequenceNumber: number
  /** The sequence number after the last record. */
  readonly nextSequenceNumber: number
}

/** A MillraceError as plain values; what is not set is left out. */
export type ErrorJson = Readonly<
  Pick<MillraceError, 'name' | 'code' | 'message' | 'retry' | 'sideEffects'> & {
    retryAfterMs?: number
    shardId?: string
    firstSequenceNumber?: number
    nextSequenceNumber?: number
    attempts?: readonly AppendAttempt[]
    cause?: unknown
  }
>

/** A refusal or failure with a code from the table. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError'
  /** The kind of failure; programs decide by this. */
  readonly code: ErrorCode
  /** Whether and when the caller may try again. */
  readonly retry: Retry
  /** 'none' guarantees that the refused request changed nothing. */
  readonly sideEffects: SideEffects
  /** Milliseconds until a retry can succeed, if the refusing side knows. */
  readonly retryAfterMs: number | undefined
  /** The shard of the stored records that the error is about, if any. */
  readonly shardId: string | undefined
  /** Sequence number of the first of these records. */
  readonly firstSequenceNumber: number | undefined
  /** The sequence number after the last of these records. */
  readonly nextSequenceNumber: number | undefined
  /** With `versionConflict`: the version that the document has; 0 if it does not exist. */
  readonly currentVersion: number | undefined
  /**
   * Of records that a producer or `put` gave up after they were sent: how they were tried, in the order of time. Of more than
   * 16 attempts, the first and the newest ones.
   */
  readonly attempts: readonly AppendAttempt[] | undefined
  readonly [brand] = true

  constructor(code: ErrorCode, message: string, options: ErrorDetails = {}) {
    // Somebody may have put a token where a name or a URL belongs, and the message quotes it.
    super(hideTokens(message), 'cause' in options ? { cause: options.cause } : undefined)
    // A copy of an error, and a log that prints its fields, should not lack what it says.
    Object.defineProperty(this, 'message', { enumerable: true })
    this.code = code
    this.retry = errorCodes[code].retry
    this.sideEffects = options.sideEffects ?? errorCodes[code].sideEffects
    this.retryAfterMs = options.retryAfterMs
    this.shardId = options.records?.shardId
    this.firstSequenceNumber = options.records?.firstSequenceNumber
    this.nextSequenceNumber = options.records?.nextSequenceNumber
    this.currentVersion = options.currentVersion
    this.attempts = options.attempts
  }

  /** Its fields as plain values, for `JSON.stringify` and for workers: without the stack, and of each cause what it says. */
  toJSON(): ErrorJson {
    return jsonOf(this, 0)
  }

  /** True for a MillraceError from any copy of the package, with code `code` if one is given. */
  static is(error: unknown, code?: ErrorCode): error is MillraceError {
    if (typeof error !== 'object' || error === null || !(brand in error)) return false
    return code === undefined || (error as MillraceError).code === code
  }
}

/** Causes of causes that JSON shows; they may even be a circle. */
const CAUSES_MAX = 4

function jsonOf(error: MillraceError, depth: number): ErrorJson {
  const { name, code, message, retry, sideEffects } = error
  const { retryAfterMs, shardId, firstSequenceNumber, nextSequenceNumber, attempts, cause } = error
  return {
    name,
    code,
    message,
    retry,
    sideEffects,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(shardId === undefined ? {} : { shardId }),
    ...(firstSequenceNumber === undefined ? {} : { firstSequenceNumber }),
    ...(nextSequenceNumber === undefined ? {} : { nextSequenceNumber }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(cause === undefined || depth === CAUSES_MAX ? {} : { cause: causeOf(cause, depth + 1) }),
  }
}

/** What a cause says: any value may be one. */
function causeOf(cause: unknown, depth: number): unknown {
  if (MillraceError.is(cause)) return jsonOf(cause, depth)
  if (cause === null || typeof cause === 'string' || typeof cause === 'number') return cause
  if (!(cause instanceof Error)) return `a value of type ${typeof cause}`
  const { name, message, code } = cause as Error & { readonly code?: unknown }
  return { name, message, ...(typeof code === 'string' ? { code } : {}) }
}
