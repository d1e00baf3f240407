// The data directory as a whole, before anything in it is opened. Runs in the controller. It is made if it is new, closed to
// others if it was open to them, and checked for links that would lead out of it.
import type { Stats } from 'node:fs'
import { chmod, lstat, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureDirectory } from './disk/durable-files.ts'
import { DIRECTORY_MODE, FILE_MODE, OTHERS_MODE, refuseUnlessDirectory } from './disk/private-files.ts'

export interface DataDirectory {
  /** Where it really lies: what its name leads to later makes no difference. */
  readonly path: string
  /** In a sentence, what was open to others, if it was; undefined where nothing is to be said. */
  readonly notice: string | undefined
}

/** What a data directory consists of. */
const PARTS = ['lock', 'catalog', 'owners', 'small']
/** What a file system has put there itself. */
const HARMLESS = 'lost+found'

/** Makes a data directory ready. Rejects with `unavailable` where a part of it is a link. */
export async function prepareDataDirectory(name: string): Promise<DataDirectory> {
  await ensureDirectory(name)
  const path = await realPathOf(name)
  const owners = join(path, 'owners')
  for (const part of PARTS) await refuseUnlessDirectory(join(path, part))
  for (const owner of await namesIn(owners)) await refuseUnlessDirectory(join(owners, owner))
  return { path, notice: process.platform === 'win32' ? undefined : await closeToOthers(path) }
}

/** A path without links. Where it cannot be had, as through the root of another process in procfs, the name itself. */
async function realPathOf(name: string): Promise<string> {
  try {
    const path = await realpath(name)
    const [real, named] = [await stat(path), await stat(name)]
    return real.dev === named.dev && real.ino === named.ino ? path : name
  } catch {
    return name // what is wrong with it shows when it is used
  }
}

/** Closes its parts, and the directory itself unless that holds other things, which are not for a broker to close. */
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

/** Whoever cannot enter a directory reaches nothing in it, so what is below is looked at only where it is open. */
async function closeWhole(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined)
  return found !== undefined && isOpenToOthers(found) ? closeBelow(path) : 0
}

/** From the inside out: should it end midway, the next start begins again. Answers how many were changed. */
async function closeBelow(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined)
  // What a host that outlives its controller removes meanwhile needs no mode; what a link leads to is not stored here.
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
