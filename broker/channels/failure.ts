// Errors as they are made behind a thread seam, and made again in front of it. Runs at both ends.
// What a thread fails with crosses as code and message; which of these a client may be told is for the operation to say, at
// the place that reads the answer.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { RefusalDetails, UniversalError } from '../../protocol/refusal.ts'

/** What storage may fail with, beside what any operation may. */
export type StorageError = UniversalError | 'corruptData' | 'storageFull' | 'aborted'

/** A failure of storage. */
export function storageFailure(
  code: StorageError,
  message: string,
  details: RefusalDetails = {},
): MillraceError {
  return new MillraceError(code, message, details)
}

/** An error that crossed a channel, as it was on the other side. */
export function revived(
  { code, message }: { readonly code: ErrorCode; readonly message: string },
  details: RefusalDetails = {},
): MillraceError {
  return new MillraceError(code, message, details)
}
