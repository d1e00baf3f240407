// Room on the disk that an owner keeps for itself, and the catalog. Runs on the owner thread, and in the controller. Space comes
// back only after a manifest was written that no longer names what is to go, or a stream was deleted, and on a disk that is
// full to the last block even that does not fit: then this file makes way. An owner makes it again when something was removed,
// the catalog when it is opened.
import { randomBytes } from 'node:crypto'
import { lstat, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { freeBytesAt } from '../disk/disk-space.ts'
import { syncDirectory } from '../disk/durable-files.ts'
import { FILE_MODE } from '../disk/private-files.ts'

export const BALLAST_FILE = 'ballast'
/** For a manifest, for LMDB's pages of a commit, and for blocks of the directories. */
const BALLAST_BYTES = 1024 * 1024

export class Ballast {
  readonly #directory: string
  readonly #path: string

  constructor(directory: string) {
    this.#directory = directory
    this.#path = join(directory, BALLAST_FILE)
  }

  /** Puts it there, durably, unless it is or there is no room. Never rejects: without it everything works but a full disk. */
  async keep(): Promise<void> {
    try {
      if ((await this.#size()) === BALLAST_BYTES) return
      await this.#write()
    } catch {
      await rm(this.#path, { force: true }).catch(() => undefined)
    }
  }

  /** Runs what writes a little; where that fails for want of room, once more with the room of the ballast. */
  async withRoom<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      if (!(await this.giveUpFor(error))) throw error
      return await run()
    }
  }

  /** Gives its room to what failed for want of it: then that is worth trying again. False where it failed otherwise. */
  async giveUpFor(error: unknown): Promise<boolean> {
    if ((await this.#size()) === 0) return false
    // LMDB calls a full disk many things.
    if (!saysNoSpace(error) && (await freeBytesAt(this.#directory)) >= BALLAST_BYTES) return false
    await rm(this.#path, { force: true })
    await syncDirectory(this.#directory)
    return true
  }

  async #size(): Promise<number> {
    const found = await lstat(this.#path).catch(() => undefined)
    return found?.isFile() === true ? found.size : 0
  }

  async #write(): Promise<void> {
    await rm(this.#path, { force: true })
    const handle = await open(this.#path, 'wx', FILE_MODE)
    try {
      // Of zeros a file system may keep nothing but their number.
      await handle.writeFile(randomBytes(BALLAST_BYTES))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await syncDirectory(this.#directory)
  }
}

function saysNoSpace(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'ENOSPC' || code === 'EDQUOT'
}
