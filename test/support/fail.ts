// A `fail` function for handlers that are tested without a session.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { Fail } from '../../protocol/refusal.ts'

/** Throws an error of any code. */
export const fail: Fail<ErrorCode> = (code, message, details = {}) => {
  throw new MillraceError(code, message, details)
}
