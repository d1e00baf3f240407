// The error that crosses boundaries: the wire, threads, and the client's API. Runs anywhere.
// Programs decide by the code alone; the message is for people and never parsed.
import { errorCodes, type ErrorCode, type Retry, type SideEffects } from './error-codes.ts'

// A registered symbol, so that errors from other realms and from other copies of this package are recognised.
const brand = Symbol.for('millrace.error')

/** What an error may carry beside its code and its message. */
export interface ErrorDetails {
  readonly cause?: unknown
  readonly retryAfterMs?: number
  /** The stored records that the error is about. */
  readonly records?: RecordsPlace
  /** The version that the document has; 0 if there is none. */
  readonly currentVersion?: number
}

/** A range of stored records of one shard. */
export interface RecordsPlace {
  readonly shardId: string
  /** Sequence number of the first record. */
  readonly firstSequenceNumber: number
  /** The sequence number after the last record. */
  readonly nextSequenceNumber: number
}

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
  readonly [brand] = true

  constructor(code: ErrorCode, message: string, options: ErrorDetails = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retry = errorCodes[code].retry
    this.sideEffects = errorCodes[code].sideEffects
    this.retryAfterMs = options.retryAfterMs
    this.shardId = options.records?.shardId
    this.firstSequenceNumber = options.records?.firstSequenceNumber
    this.nextSequenceNumber = options.records?.nextSequenceNumber
    this.currentVersion = options.currentVersion
  }

  /** True for a MillraceError from any copy of the package, with code `code` if one is given. */
  static is(error: unknown, code?: ErrorCode): error is MillraceError {
    if (typeof error !== 'object' || error === null || !(brand in error)) return false
    return code === undefined || (error as MillraceError).code === code
  }
}
