// Room on the disk for the next commit, inside the data file that it will be written to. Runs wherever an environment is written.
// lmdb-js does not outlive a write that the system refuses (ADR 0010), and room that was only looked at may be gone by the time of
// the write: another program takes it, a quota counts it, a limit on the size of files forbids it. So before a commit zeros are
// written behind LMDB's last page, as much as the commit may take: its pages then replace blocks that the file has already. LMDB
// takes no notice of what lies behind its last page. Nothing is flushed for it: mostly the pages of the commit replace the zeros
// in memory, before either is written.
import { closeSync, constants, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { freeBytesNow } from './disk-space.ts'
import { usedBytesOf } from './lmdb-files.ts'
import { NO_FOLLOW } from './private-files.ts'

/** Taken at a time, so that small commits mostly find their room there: then their flush changes no size and no extents. */
const STEP_BYTES = 256 * 1024
/** In which a file's blocks are counted, whatever their size. */
const BLOCK_BYTES = 512
const zeros = new Uint8Array(1024 * 1024)

export class ReservedRoom {
  readonly #path: string
  readonly #file: number
  /** Up to here the file has blocks. */
  #end: number
  /** What commits under way may still take. */
  #promised = 0

  /** For an environment that is open for writing, by its data file. What was reserved there before counts. */
  constructor(path: string) {
    this.#path = path
    this.#file = openSync(path, constants.O_RDWR | NO_FOLLOW)
    const { size, blocks } = fstatSync(this.#file)
    // A file with holes was lengthened otherwise.
    this.#end = blocks * BLOCK_BYTES >= size ? size : this.usedBytes()
  }

  /** Pages ever used times the size of a page. */
  usedBytes(): number {
    return usedBytesOf(this.#file, this.#path)
  }

  /** Makes sure of room for so many bytes more. False where the system does not give it: then everything is as before. */
  reserve(bytes: number): boolean {
    const needed = this.usedBytes() + this.#promised + bytes
    if (needed <= this.#end) return true
    // Nothing is begun that cannot be finished: others need what is left on a disk that is nearly full.
    if (freeBytesNow(this.#path) < needed - this.#end) return false
    return this.#extend(Math.max(needed, this.#end + STEP_BYTES)) || this.#extend(needed)
  }

  /** Reserves, and counts it as taken until the returned function is called. Undefined where there is no room. */
  promise(bytes: number): (() => void) | undefined {
    if (!this.reserve(bytes)) return undefined
    this.#promised += bytes
    return () => {
      this.#promised -= bytes
    }
  }

  /** What is reserved stays with the file: whoever opens it next finds room there, even if there is none anywhere else. */
  close(): void {
    closeSync(this.#file)
  }

  #extend(end: number): boolean {
    const before = this.#end
    try {
      for (let at = before; at < end;)
        at += writeSync(this.#file, zeros, 0, Math.min(end - at, zeros.length), at)
      this.#end = end
      return true
    } catch (error) {
      if (!isRefusal(error)) throw error
      ftruncateSync(this.#file, before)
      return false
    }
  }
}

/** Gives back what is reserved in the data file of an environment that takes no more commits; it may be open for reading. */
export function releaseReserved(path: string): void {
  const file = openSync(path, constants.O_RDWR | NO_FOLLOW)
  try {
    const used = usedBytesOf(file, path)
    if (fstatSync(file).size > used) ftruncateSync(file, used)
  } finally {
    closeSync(file)
  }
}

/** No space, a quota, or a limit on the size of files. */
function isRefusal(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '')
}
