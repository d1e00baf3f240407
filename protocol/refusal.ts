// How the broker refuses, so that a failure which an operation does not declare does not compile. Runs anywhere, pure.
// A code that any operation may fail with is made where it is needed, by `refusal`. Any other code needs the operation's word:
// its handler gets a `Fail` of the codes that the table declares, and hands it down to what may fail so.
import type { ErrorCode, universalErrors } from './error-codes.ts'
import { MillraceError } from './millrace-error.ts'

/** A code that any operation may fail with. */
export type UniversalError = (typeof universalErrors)[number]

/** What an error says beside its code and its message. */
export interface RefusalDetails {
  readonly cause?: unknown
  /** When to try again, where that is known. */
  readonly retryAfterMs?: number
}

/**
 * Throws the error that a client gets, with one of the codes in `C`. A function that takes a `Fail<'streamNotFound'>` can be
 * called only by what serves an operation that declares `streamNotFound`.
 */
export type Fail<C extends ErrorCode> = (code: C, message: string, details?: RefusalDetails) => never

/** An error with which any operation may be answered. */
export function refusal(code: UniversalError, message: string, details: RefusalDetails = {}): MillraceError {
  return new MillraceError(code, message, details)
}
