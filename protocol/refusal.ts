// Makes refusals, with types that do not compile if an operation fails with a code that it does not declare. Pure.
// `refusal` makes errors with the codes that any operation may fail with. For all other codes, an operation's handler gets a
// `Fail` of the codes that the table declares, and passes it to the functions that may fail with them.
import type { ErrorCode, universalErrors } from './error-codes.ts'
import { MillraceError } from './millrace-error.ts'

/** A code that any operation may fail with. */
export type UniversalError = (typeof universalErrors)[number]

/** What an error may carry beside its code and its message. */
export interface RefusalDetails {
  readonly cause?: unknown
  /** Milliseconds until a retry can succeed, if known. */
  readonly retryAfterMs?: number
  /** The version that the document has; 0 if there is none. */
  readonly currentVersion?: number
}

/**
 * Throws the error that a client gets, with one of the codes in `C`. A function that takes a `Fail<'streamNotFound'>` can
 * only be called on behalf of an operation that declares `streamNotFound`.
 */
export type Fail<C extends ErrorCode> = (code: C, message: string, details?: RefusalDetails) => never

/** Makes an error that any operation may fail with. */
export function refusal(code: UniversalError, message: string, details: RefusalDetails = {}): MillraceError {
  return new MillraceError(code, message, details)
}
