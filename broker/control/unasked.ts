// Failures of work that no client asked for: changes that continue after a restart, and the autoscaler's. Runs in the
// controller. The code that started the work reads the error's code, and logs its message.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { Fail } from '../../protocol/refusal.ts'

/** Throws an error with any code, because no client gets it. Not for work that serves a request. */
export const failUnasked: Fail<ErrorCode> = (code, message, details = {}) => {
  throw new MillraceError(code, message, details)
}
