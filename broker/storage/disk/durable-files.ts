// Files and directories whose names survive a power cut. Runs on owner threads and in the controller's catalog. POSIX
// promises a new name only after its directory was flushed, and LMDB does not do that: every creation, rename and
// removal in storage goes through here.
import { existsSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { noFaults, type Faults } from './faults.ts'
import { DIRECTORY_MODE, FILE_MODE } from './private-files.ts'

/** Directories that are on their way out have this prefix: a start removes what is left of them. */
const REMOVED_PREFIX = 'removed-'
const TEMPORARY_SUFFIX = '.temporary'

/** The name of what is to become `path`, until it is complete. */
export function temporaryName(path: string): string {
  return path + TEMPORARY_SUFFIX
}

/** Flushes a directory's entries. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory for this, and its file systems flush names with the files.
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Creates a directory for its owner alone, and those above it that are missing, each flushed into its parent. */
export async function ensureDirectory(path: string): Promise<void> {
  if (await isDirectory(path)) return
  // One by one: Node's own recursion never ends in a directory that takes no others, as in procfs.
  if (dirname(path) !== path) await ensureDirectory(dirname(path))
  try {
    await mkdir(path, DIRECTORY_MODE)
  } catch (error) {
    // Somebody else made it just now, and may not have flushed it yet.
    if (!(await isDirectory(path))) throw error
  }
  await syncDirectory(dirname(path))
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false // `mkdir` says why
  }
}

/** Puts `content` in place of the file as a whole: after a crash the old content is there, or the new. */
export async function replaceFile(path: string, content: string, faults: Faults = noFaults): Promise<void> {
  const temporary = temporaryName(path)
  // What an interrupted replacement has left there goes first: were it a link, it would be written through.
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

/**
 * Removes a directory with all that is in it. It loses its name first: a crash midway never leaves half of it under a
 * name that counts.
 */
export async function removeDirectory(path: string, faults: Faults = noFaults): Promise<void> {
  const parent = dirname(path)
  const tombstone = join(parent, REMOVED_PREFIX + basename(path))
  await rm(tombstone, { recursive: true, force: true })
  if (!existsSync(path)) return // an attempt before this one got so far
  await rename(path, tombstone)
  await syncDirectory(parent)
  await faults.at('removalRenamed')
  await rm(tombstone, { recursive: true, force: true })
}

/** Removes what interrupted replacements and removals have left in a directory. */
export async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (isLeftover(name)) await rm(join(directory, name), { recursive: true, force: true })
  }
}

export function isLeftover(name: string): boolean {
  return name.startsWith(REMOVED_PREFIX) || name.endsWith(TEMPORARY_SUFFIX)
}
