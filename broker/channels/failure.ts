// Errors that cross a channel: made on one side, and made again on the other. Runs at both ends.
// An error crosses as code and message. The code that reads the answer decides which of them a client may be told: those
// that the operation declares.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { RefusalDetails, UniversalError } from '../../protocol/refusal.ts'

/** Codes that storage may fail with. */
export type StorageError = UniversalError | 'corruptData' | 'storageFull' | 'aborted'

/** A failure of storage. */
export function storageFailure(
  code: StorageError,
  message: string,
  details: RefusalDetails = {},
): MillraceError {
  return new MillraceError(code, message, details)
}

/** Rebuilds an error that crossed a channel. */
export function revived(
  { code, message }: { readonly code: ErrorCode; readonly message: string },
  details: RefusalDetails = {},
): MillraceError {
  return new MillraceError(code, message, details)
}
