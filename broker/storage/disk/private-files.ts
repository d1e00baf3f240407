// Permissions of stored data: for its owner alone, whatever the umask. Runs wherever storage creates files. Everything
// below a data directory is a plain file or directory: a link there would lead writes and removals elsewhere, so it is
// refused with an error that names it. The data directory itself may be reached through links.
import { constants, lstatSync, type Stats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { refusal } from '../../../protocol/refusal.ts'

export const DIRECTORY_MODE = 0o700
export const FILE_MODE = 0o600
/** Mode bits that give other users access. */
export const OTHERS_MODE = 0o077
/** Flag of `open` that refuses a link in place of the file. Zero on Windows, which has no such flag. */
export const NO_FOLLOW = constants.O_NOFOLLOW ?? 0

/** Throws if `path` exists and is not a directory; a link to a directory is refused, too. */
export async function refuseUnlessDirectory(path: string): Promise<void> {
  refuseUnless('directory', path, await lstat(path).catch(orMissing))
}

/** Synchronous version of `refuseUnlessDirectory`. */
export function refuseUnlessDirectoryNow(path: string): void {
  refuseUnless('directory', path, statsNow(path))
}

/** Throws if `path` exists and is not a plain file; a link to a file is refused, too. Synchronous. */
export function refuseUnlessFileNow(path: string): void {
  refuseUnless('file', path, statsNow(path))
}

function refuseUnless(kind: 'directory' | 'file', path: string, found: Stats | undefined): void {
  if (found === undefined || (kind === 'directory' ? found.isDirectory() : found.isFile())) return
  const is = found.isSymbolicLink() ? 'a symbolic link' : 'something else'
  throw refusal(
    'unavailable',
    `${path} is ${is} where a ${kind} of millrace belongs. ` +
      'Nothing below a data directory may lead out of it: move what it leads to into its place.',
  )
}

function statsNow(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch (error) {
    return orMissing(error)
  }
}

function orMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  return undefined
}
