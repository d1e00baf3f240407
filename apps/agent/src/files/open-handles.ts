// Open files of a flow: a bounded number, the least recently used one is closed first. A file that has no name any more can only be
// read while it is open, so such files are closed last.
import type { Disk, OpenedFile } from './disk.ts'
import { inodeKey, type TrackedFile } from './tracking/tracked-file.ts'

/** Open at a time in one flow. Systems allow 1,024 a process by default. */
export const HANDLES_MAX = 128

export class OpenHandles {
  readonly #disk: Disk
  readonly #handles = new Map<TrackedFile, OpenedFile>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** Opens a file, or finds it open; undefined where its path means another file by now. */
  async of(file: TrackedFile): Promise<OpenedFile | undefined> {
    const open = this.#handles.get(file)
    if (open !== undefined) {
      this.#handles.delete(file)
      this.#handles.set(file, open)
      return open
    }
    const opened = await this.#disk.open(file.path)
    if (opened === undefined) return undefined
    const facts = await opened.facts()
    if (inodeKey(facts) !== inodeKey(file)) {
      await opened.close()
      return undefined
    }
    this.#handles.set(file, opened)
    if (this.#handles.size > HANDLES_MAX) await this.#closeOne()
    return opened
  }

  isOpen(file: TrackedFile): boolean {
    return this.#handles.has(file)
  }

  /** The handle goes on to what follows the file in the same inode. */
  pass(from: TrackedFile, to: TrackedFile): void {
    const open = this.#handles.get(from)
    if (open === undefined) return
    this.#handles.delete(from)
    this.#handles.set(to, open)
  }

  async close(file: TrackedFile): Promise<void> {
    const open = this.#handles.get(file)
    this.#handles.delete(file)
    await open?.close()
  }

  async closeAll(): Promise<void> {
    for (const file of this.#handles.keys()) await this.close(file)
  }

  async #closeOne(): Promise<void> {
    const files = [...this.#handles.keys()]
    await this.close(files.find((file) => file.isListed) ?? files[0]!)
  }
}
