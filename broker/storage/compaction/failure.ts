// Maps failures of maintenance to error codes. Runs on the maintenance thread.
import { InvariantError } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { refusal } from '../../../protocol/refusal.ts'
import { storageFailure } from '../../channels/failure.ts'
import { CommitFailed, isDamage } from '../environment.ts'
import type { FreeBytesOf } from '../disk/disk-space.ts'

const EIO = 5
const ENOSPC = 28
const EDQUOT = 122
/** With less free space than this, an I/O error means a full disk: LMDB often reports it so. */
const NEARLY_FULL_BYTES = 16 * 1024 * 1024

/** Returns a MillraceError for a failure; returns a broken invariant unchanged. */
export async function maintenanceFailure(
  error: unknown,
  { directory, freeBytesOf }: { directory: string; freeBytesOf: FreeBytesOf },
): Promise<Error> {
  if (MillraceError.is(error) || error instanceof InvariantError) return error
  const { message } = error as Error
  if (isDamage(error)) return storageFailure('corruptData', message, { cause: error })
  const errno = error instanceof CommitFailed ? error.errno : (error as NodeJS.ErrnoException).errno
  const isFull =
    isOneOf(errno, ENOSPC, EDQUOT) || (isOneOf(errno, EIO) && (await isNearlyFull(directory, freeBytesOf)))
  return isFull
    ? storageFailure('storageFull', `There is no room for a compacted segment: ${message}`, {
        cause: error,
      })
    : refusal('unavailable', message, { cause: error })
}

/** Compares error numbers by magnitude: Node gives them negative, LMDB positive. */
function isOneOf(errno: number | undefined, ...numbers: number[]): boolean {
  return errno !== undefined && numbers.includes(Math.abs(errno))
}

async function isNearlyFull(directory: string, freeBytesOf: FreeBytesOf): Promise<boolean> {
  return (await freeBytesOf(directory).catch(() => Infinity)) < NEARLY_FULL_BYTES
}
