// Prepares the data directory before anything in it is opened. Runs in the controller. Creates the directory if it is
// new, closes it to other users, and refuses links that would lead out of it.
import type { Stats } from 'node:fs'
import { chmod, lstat, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureDirectory } from './disk/durable-files.ts'
import {
  DIRECTORY_MODE,
  FILE_MODE,
  OTHERS_MODE,
  refuseUnlessDirectory,
  refuseUnlessFileNow,
} from './disk/private-files.ts'

export interface DataDirectory {
  /** The directory's path with links resolved, so that a link that changes later makes no difference. */
  readonly path: string
  /** A sentence that says what was open to other users; undefined if nothing was. */
  readonly notice: string | undefined
}

/** What a data directory contains. */
const DIRECTORIES = ['lock', 'catalog', 'owners', 'small']
const FILES = ['clock.json', 'root.token', 'access.key', 'local-profile.json']
const PARTS = [...DIRECTORIES, ...FILES]
/** A directory that file systems create by themselves. */
const HARMLESS = 'lost+found'

/** Creates and checks a data directory. Rejects with `unavailable` if a part of it is a link. */
export async function prepareDataDirectory(name: string): Promise<DataDirectory> {
  await ensureDirectory(name)
  const path = await realPathOf(name)
  const owners = join(path, 'owners')
  for (const part of DIRECTORIES) await refuseUnlessDirectory(join(path, part))
  for (const part of FILES) refuseUnlessFileNow(join(path, part))
  for (const owner of await namesIn(owners)) await refuseUnlessDirectory(join(owners, owner))
  return { path, notice: process.platform === 'win32' ? undefined : await closeToOthers(path) }
}

/** The path without links; the name itself if links cannot be resolved, as through another process' root in procfs. */
async function realPathOf(name: string): Promise<string> {
  try {
    const path = await realpath(name)
    const [real, named] = [await stat(path), await stat(name)]
    return real.dev === named.dev && real.ino === named.ino ? path : name
  } catch {
    return name // a path that is wrong fails where it is used
  }
}

/**
 * Closes the directory's parts, and the directory itself unless it holds foreign files, which a broker must not
 * close.
 */
async function closeToOthers(path: string): Promise<string | undefined> {
  try {
    let closed = 0
    for (const part of PARTS) closed += await closeWhole(join(path, part))
    if (isOpenToOthers(await lstat(path))) {
      const strangers = (await namesIn(path)).filter((name) => name !== HARMLESS && !PARTS.includes(name))
      if (strangers.length > 0) {
        const what = `${path} is open to other users, and holds other things such as ${strangers[0]}`
        return `${what}: it is left so, and only what millrace stores there is closed to them`
      }
      await chmod(path, DIRECTORY_MODE)
      closed++
    }
    if (closed === 0) return undefined
    return `${path} was open to other users; it is now closed to them, with what is in it (${closed} modes were changed)`
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'EPERM' && code !== 'EROFS' && code !== 'ENOTSUP') throw error
    return `${path} is open to other users, and that cannot be changed: ${message}`
  }
}

/** Closes a directory and what is below it. A closed directory is skipped: other users reach nothing below it. */
async function closeWhole(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined)
  return found !== undefined && isOpenToOthers(found) ? closeBelow(path) : 0
}

/**
 * Closes the innermost entries first, so that a start that was interrupted is repeated by the next one. Returns the
 * number of changed entries.
 */
async function closeBelow(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined)
  // A host that outlives its controller may remove entries meanwhile. A link's target is not part of the data
  // directory.
  if (found === undefined || !(found.isDirectory() || found.isFile())) return 0
  let closed = 0
  if (found.isDirectory())
    for (const name of await namesIn(path)) closed += await closeBelow(join(path, name))
  if (!isOpenToOthers(found)) return closed
  await chmod(path, found.isDirectory() ? DIRECTORY_MODE : FILE_MODE)
  return closed + 1
}

function isOpenToOthers({ mode }: Stats): boolean {
  return (mode & OTHERS_MODE) !== 0
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
