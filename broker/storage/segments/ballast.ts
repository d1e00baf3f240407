// Disk room that an owner and the catalog hold in reserve. Runs on the owner thread, and in the controller. Space is
// freed only after a manifest without the removed segments is written, or a stream's deletion is committed. Neither
// fits on a disk that is full to the last block: then the ballast file is removed to make room. An owner writes it
// again after a removal, the catalog when it is opened.
import { randomBytes } from 'node:crypto'
import { lstat, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { freeBytesAt } from '../disk/disk-space.ts'
import { syncDirectory } from '../disk/durable-files.ts'
import { FILE_MODE } from '../disk/private-files.ts'

export const BALLAST_FILE = 'ballast'
/** Enough for a manifest, for LMDB's pages of a commit, and for directory blocks. */
const BALLAST_BYTES = 1024 * 1024

export class Ballast {
  readonly #directory: string
  readonly #path: string

  constructor(directory: string) {
    this.#directory = directory
    this.#path = join(directory, BALLAST_FILE)
  }

  /**
   * Writes the ballast, durably, unless it exists or the disk has no room. Never rejects: only a full disk needs the
   * ballast.
   */
  async keep(): Promise<void> {
    try {
      if ((await this.#size()) === BALLAST_BYTES) return
      await this.#write()
    } catch {
      await rm(this.#path, { force: true }).catch(() => undefined)
    }
  }

  /** Runs a small write; if it fails for lack of room, gives up the ballast and runs it again. */
  async withRoom<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      if (!(await this.giveUpFor(error))) throw error
      return await run()
    }
  }

  /** Removes the ballast if `error` comes from a full disk. Returns true if a retry is worthwhile. */
  async giveUpFor(error: unknown): Promise<boolean> {
    if ((await this.#size()) === 0) return false
    // LMDB reports a full disk under many codes.
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
      // Random bytes: a file system may store zeros without using blocks.
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
