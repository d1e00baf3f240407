// The one error that crosses a boundary: wire, threads, and the client's door. Runs anywhere.
// What a caller may do about it follows from its code alone; the message is for people and never parsed.
import { errorCodes, type ErrorCode, type Retry, type SideEffects } from './error-codes.ts'

// Registered, so that an error is recognised across threads' realms and duplicate installs of this package.
const brand = Symbol.for('millrace.error')

/** What an error says beside its code and its message, where it is known. */
export interface ErrorDetails {
  readonly cause?: unknown
  readonly retryAfterMs?: number
  /** Where the stored records lie that the error is about. */
  readonly records?: RecordsPlace
}

/** Stored records of one shard, by number. */
export interface RecordsPlace {
  readonly shardId: string
  /** The first of them. */
  readonly firstSequenceNumber: number
  /** The number behind the last of them. */
  readonly nextSequenceNumber: number
}

/** A refusal or failure with a code from the table. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError'
  /** Which failure it is: what programs go by. */
  readonly code: ErrorCode
  /** What a caller may do next. */
  readonly retry: Retry
  /** 'none' is a promise that the refused request changed nothing. */
  readonly sideEffects: SideEffects
  /** When to try again, where the refusing side knows. */
  readonly retryAfterMs: number | undefined
  /** The shard of the stored records that the error is about, where it is about some. */
  readonly shardId: string | undefined
  /** The first of these records. */
  readonly firstSequenceNumber: number | undefined
  /** The number behind the last of these records. */
  readonly nextSequenceNumber: number | undefined
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
  }

  /** True for an error of this class, from whichever copy of the package, and of that code where one is given. */
  static is(error: unknown, code?: ErrorCode): error is MillraceError {
    if (typeof error !== 'object' || error === null || !(brand in error)) return false
    return code === undefined || (error as MillraceError).code === code
  }
}
