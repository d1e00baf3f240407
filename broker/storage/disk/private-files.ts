// Who may look into stored data: its owner alone, whatever the umask. Runs wherever storage creates files. Everything below a
// data directory is a plain file or directory of its own: a link there would lead writing and removing elsewhere, and is
// refused by name. The data directory itself may be reached through links.
import { constants, lstatSync, type Stats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { refusal } from '../../../protocol/refusal.ts'

export const DIRECTORY_MODE = 0o700
export const FILE_MODE = 0o600
/** Bits of a mode that let others in. */
export const OTHERS_MODE = 0o077
/** For flags of `open`: a link in the place of the file is refused. Zero on Windows, which has no such flag. */
export const NO_FOLLOW = constants.O_NOFOLLOW ?? 0

/** Throws where `path` is anything but a directory, a link to one included. What is not there is left to whoever opens it. */
export async function refuseUnlessDirectory(path: string): Promise<void> {
  refuseUnless('directory', path, await lstat(path).catch(orMissing))
}

/** The same, at once. */
export function refuseUnlessDirectoryNow(path: string): void {
  refuseUnless('directory', path, statsNow(path))
}

/** Throws where `path` is there and anything but a file, a link to one included. */
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
