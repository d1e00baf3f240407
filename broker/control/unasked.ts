// What fails in the controller although no client asked for it: the work that goes on after a restart, and the autoscaler's.
// Runs in the controller. Who started such work reads the code, and writes the message to the log.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { Fail } from '../../protocol/refusal.ts'

/** Fails with any code, because no client gets the error. Never for work that serves a request. */
export const failUnasked: Fail<ErrorCode> = (code, message, details = {}) => {
  throw new MillraceError(code, message, details)
}
