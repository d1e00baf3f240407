// Reserves disk room for the next commit inside its data file. Runs wherever an environment is written. lmdb-js does
// not survive a write that the system refuses (ADR 0010), and free space that was only looked at may be gone by the
// time of the write: another program takes it, a quota counts it, a file size limit forbids it. So before a commit,
// zeros are written behind LMDB's last page, as many as the commit can need; its pages then replace blocks that the
// file already has. LMDB ignores what lies behind its last page. The zeros are not flushed: usually the commit's pages
// replace them in memory before either is written.
import { closeSync, constants, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { freeBytesNow } from './disk-space.ts'
import { usedBytesOf } from './lmdb-files.ts'
import { NO_FOLLOW } from './private-files.ts'

/**
 * Smallest extension, so that most small commits find room and their flush changes neither size nor extents of the
 * file.
 */
const STEP_BYTES = 256 * 1024
/** The unit of `Stats.blocks`, whatever the file system's block size. */
const BLOCK_BYTES = 512
const zeros = new Uint8Array(1024 * 1024)

export class ReservedRoom {
  readonly #path: string
  readonly #file: number
  /** The file has blocks up to this byte. */
  #end: number
  /** Bytes that commits under way may still use. */
  #promised = 0

  /** For an environment open for writing, by its data file. Room that an earlier process reserved counts. */
  constructor(path: string) {
    this.#path = path
    this.#file = openSync(path, constants.O_RDWR | NO_FOLLOW)
    const { size, blocks } = fstatSync(this.#file)
    // A file with holes was not lengthened by this class, so its end is not reserved room.
    this.#end = blocks * BLOCK_BYTES >= size ? size : this.usedBytes()
  }

  /** Highest page ever used, in bytes. */
  usedBytes(): number {
    return usedBytesOf(this.#file, this.#path)
  }

  /** Reserves room for `bytes` more. Returns false, and changes nothing, if the system refuses the room. */
  reserve(bytes: number): boolean {
    const needed = this.usedBytes() + this.#promised + bytes
    if (needed <= this.#end) return true
    // Leaves a nearly full disk alone: a write that must fail would take the last room from other programs meanwhile.
    if (freeBytesNow(this.#path) < needed - this.#end) return false
    return this.#extend(Math.max(needed, this.#end + STEP_BYTES)) || this.#extend(needed)
  }

  /** Reserves room, and counts it as used until the returned function is called. Undefined if there is no room. */
  promise(bytes: number): (() => void) | undefined {
    if (!this.reserve(bytes)) return undefined
    this.#promised += bytes
    return () => {
      this.#promised -= bytes
    }
  }

  /** Closes the file, which keeps the reserved room: the next opener has room even on a full disk. */
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

/** Truncates reserved room from the data file of an environment that takes no more commits. Readers may have it open. */
export function releaseReserved(path: string): void {
  const file = openSync(path, constants.O_RDWR | NO_FOLLOW)
  try {
    const used = usedBytesOf(file, path)
    if (fstatSync(file).size > used) ftruncateSync(file, used)
  } finally {
    closeSync(file)
  }
}

/** True for errors that mean no space, a quota, or a file size limit. */
function isRefusal(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '')
}
