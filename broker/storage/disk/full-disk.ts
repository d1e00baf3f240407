// Tells failures for lack of disk room from others. Runs on owner threads, the maintenance thread, and in the
// controller.
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { refusal } from '../../../protocol/refusal.ts'
import { freeBytesAt, type FreeBytesOf } from './disk-space.ts'

const EIO = 5
const ENOSPC = 28
const EDQUOT = 122
/** With less free space than this, an I/O error means a full disk: LMDB often reports it so. */
const NEARLY_FULL_BYTES = 16 * 1024 * 1024

/** Returns true if `error` says that the disk has no room: no block, no inode, or none within a quota. */
export async function isFullDisk(
  error: unknown,
  { directory, freeBytesOf }: { directory: string; freeBytesOf: FreeBytesOf },
): Promise<boolean> {
  const numbers = numbersOf(error)
  if (numbers.includes(ENOSPC) || numbers.includes(EDQUOT)) return true
  return numbers.includes(EIO) && (await freeBytesOf(directory).catch(() => Infinity)) < NEARLY_FULL_BYTES
}

/**
 * Returns what to tell who starts a broker, where `error` says that the disk of its directory has no room; undefined where it
 * does not.
 */
export async function noRoomToStart(error: unknown, directory: string): Promise<MillraceError | undefined> {
  if (!(await isFullDisk(error, { directory, freeBytesOf: freeBytesAt }))) return undefined
  const message =
    `The disk of ${directory} has no room for the files that a start must make: ${(error as Error).message} ` +
    'Free a few megabytes and some inodes there, for instance by removing other files, and start again. Nothing that is ' +
    'stored was changed.'
  return refusal('unavailable', message, { cause: error })
}

/** The error numbers of an error and of its causes. Node and a failed commit give it as `errno`, LMDB itself as `code`. */
function numbersOf(error: unknown): number[] {
  if (!(error instanceof Error)) return []
  const { errno, code } = error as { errno?: unknown; code?: unknown }
  const own = [errno, code].flatMap((found) => (typeof found === 'number' ? [Math.abs(found)] : []))
  return [...own, ...numbersOf(error.cause)]
}
