// Tells failures for lack of disk room from others. Runs on owner threads and the maintenance thread.
import type { FreeBytesOf } from './disk-space.ts'

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
  const { errno, code } = error as { errno?: unknown; code?: unknown }
  // Node and a failed commit give the number as `errno`, LMDB itself as `code`.
  const numbers = [errno, code].flatMap((found) => (typeof found === 'number' ? [Math.abs(found)] : []))
  if (numbers.includes(ENOSPC) || numbers.includes(EDQUOT)) return true
  return numbers.includes(EIO) && (await freeBytesOf(directory).catch(() => Infinity)) < NEARLY_FULL_BYTES
}
