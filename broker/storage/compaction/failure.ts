// Maps failures of maintenance to error codes. Runs on the maintenance thread.
import { InvariantError } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { refusal } from '../../../protocol/refusal.ts'
import { storageFailure } from '../../channels/failure.ts'
import { isDamage } from '../environment.ts'
import type { FreeBytesOf } from '../disk/disk-space.ts'
import { isFullDisk } from '../disk/full-disk.ts'

/** Returns a MillraceError for a failure; returns a broken invariant unchanged. */
export async function maintenanceFailure(
  error: unknown,
  disk: { directory: string; freeBytesOf: FreeBytesOf },
): Promise<Error> {
  if (MillraceError.is(error) || error instanceof InvariantError) return error
  const { message } = error as Error
  if (isDamage(error)) return storageFailure('corruptData', message, { cause: error })
  return (await isFullDisk(error, disk))
    ? storageFailure('storageFull', `There is no room for a compacted segment: ${message}`, {
        cause: error,
      })
    : refusal('unavailable', message, { cause: error })
}
