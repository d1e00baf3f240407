// Files and directories whose names survive a power cut. Runs on owner threads and in the controller's catalog. POSIX
// guarantees a new name only after its directory is flushed, and LMDB does not flush directories: every creation,
// rename and removal in storage goes through this file.
import { existsSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { noFaults, type Faults } from './faults.ts'
import { DIRECTORY_MODE, FILE_MODE } from './private-files.ts'

/** Prefix of directories that are being removed: a start removes what is left of them. */
const REMOVED_PREFIX = 'removed-'
const TEMPORARY_SUFFIX = '.temporary'

/** The name of an incomplete file or directory that will be renamed to `path`. */
export function temporaryName(path: string): string {
  return path + TEMPORARY_SUFFIX
}

/** Flushes a directory's entries to the device. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory to flush it, and its file systems flush names with the files.
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Creates a directory with access for its owner alone, and its missing parents. Flushes each new name into its parent. */
export async function ensureDirectory(path: string): Promise<void> {
  if (await isDirectory(path)) return
  // Creates parents one by one: Node's recursive mkdir never ends in a directory that takes no entries, as in procfs.
  if (dirname(path) !== path) await ensureDirectory(dirname(path))
  try {
    await mkdir(path, DIRECTORY_MODE)
  } catch (error) {
    // Another process created it just now, and may not have flushed the name yet.
    if (!(await isDirectory(path))) throw error
  }
  await syncDirectory(dirname(path))
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false // then `mkdir` reports the error
  }
}

/** Replaces the file as a whole: after a crash the file has either the old content or the new. */
export async function replaceFile(path: string, content: string, faults: Faults = noFaults): Promise<void> {
  const temporary = temporaryName(path)
  // Removes what an interrupted replacement left: writing through a link there would change a foreign file.
  await rm(temporary, { force: true })
  const handle = await open(temporary, 'wx', FILE_MODE)
  try {
    await handle.writeFile(content)
    await faults.at('manifestWritten')
    await handle.sync()
  } finally {
    await handle.close()
  }
  await faults.at('manifestSynced')
  await rename(temporary, path)
  await faults.at('manifestRenamed')
  await syncDirectory(dirname(path))
  await faults.at('manifestDirectorySynced')
}

/** Removes a directory and its content. Renames it first, so that a crash never leaves half of it under a valid name. */
export async function removeDirectory(path: string, faults: Faults = noFaults): Promise<void> {
  const parent = dirname(path)
  const tombstone = join(parent, REMOVED_PREFIX + basename(path))
  await rm(tombstone, { recursive: true, force: true })
  if (!existsSync(path)) return // an earlier attempt renamed it
  await rename(path, tombstone)
  await syncDirectory(parent)
  await faults.at('removalRenamed')
  await rm(tombstone, { recursive: true, force: true })
}

/** Removes what interrupted replacements and removals left in a directory. */
export async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (isLeftover(name)) await rm(join(directory, name), { recursive: true, force: true })
  }
}

export function isLeftover(name: string): boolean {
  return name.startsWith(REMOVED_PREFIX) || name.endsWith(TEMPORARY_SUFFIX)
}
