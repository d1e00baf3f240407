// An append-only file of facts, durable when `append` fulfils. Calls that come while a flush runs share the next one. When most of
// the file is outdated it is written anew, under a temporary name that takes the old one's place. After a failed write or flush,
// what the file holds is unknown: it is then also written anew, from what is known to be durable, before anything is added.
import { constants } from 'node:fs'
import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { decodeFrames, encodeFrame } from './journal-frames.ts'

const FILE_MODE = 0o600
/** A journal below this size is never written anew. */
const COMPACTION_BYTES_MIN = 1 << 20
/** It is written anew when it has this many times the bytes that it had when it was new. */
const COMPACTION_FACTOR = 4
const TEMPORARY_SUFFIX = '.temporary'

export interface JournalOwner {
  /** Takes facts that are durable, in their order. */
  apply(facts: readonly unknown[]): void
  /** All that is durable, as facts. */
  snapshot(): readonly unknown[]
}

interface Waiting {
  readonly facts: readonly unknown[]
  readonly fulfil: () => void
  readonly reject: (error: unknown) => void
}

export class Journal {
  readonly #path: string
  readonly #owner: JournalOwner
  /** Undefined when the file must be written anew first. */
  #handle: FileHandle | undefined
  #bytes = 0
  #bytesWhenNew = 0
  #waiting: Waiting[] = []
  #flushing: Promise<void> | undefined
  #isClosed = false

  private constructor(path: string, owner: JournalOwner) {
    this.#path = path
    this.#owner = owner
  }

  /** Opens or creates a journal, and gives what it holds to its owner. Rejects where it is damaged. */
  static async open(path: string, owner: JournalOwner): Promise<Journal> {
    const journal = new Journal(path, owner)
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0)
      throw error
    })
    owner.apply(decodeFrames(bytes, path).facts)
    // Also cuts what a crash left of a last frame.
    await journal.#rewrite()
    return journal
  }

  /** Fulfils when the facts are durable and applied. Rejects when that is unknown. */
  append(facts: readonly unknown[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error(`${this.#path} is closed.`))
    return new Promise<void>((fulfil, reject) => {
      this.#waiting.push({ facts, fulfil, reject })
      this.#flushing ??= this.#flushAll()
    })
  }

  /** Fulfils when everything appended is durable or refused, and the file is closed. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#flushing
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #flushAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        const facts = group.flatMap((each) => each.facts)
        await this.#flush(facts)
        this.#owner.apply(facts)
        for (const { fulfil } of group) fulfil()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    // In the turn that saw nothing waiting: what is appended later starts a flush of its own.
    this.#flushing = undefined
  }

  async #flush(facts: readonly unknown[]): Promise<void> {
    const limit = Math.max(COMPACTION_BYTES_MIN, COMPACTION_FACTOR * this.#bytesWhenNew)
    if (this.#handle === undefined || this.#bytes > limit) await this.#rewrite()
    const frame = encodeFrame(facts)
    const handle = this.#handle!
    try {
      await writeAll(handle, frame, this.#bytes)
      await handle.datasync()
      this.#bytes += frame.length
    } catch (error) {
      this.#handle = undefined
      await handle.close().catch(() => undefined)
      throw this.#unwritable(error)
    }
  }

  #unwritable(cause: unknown): Error {
    const { code, message } = cause as NodeJS.ErrnoException
    const remedy = code === 'ENOSPC' || code === 'EDQUOT' ? ' Make room on its disk.' : ''
    return new Error(`Positions cannot be written to ${this.#path}: ${message}.${remedy}`, { cause })
  }

  /** Puts a file with the snapshot alone in the journal's place. */
  async #rewrite(): Promise<void> {
    const temporary = this.#path + TEMPORARY_SUFFIX
    const handle = await this.#create(temporary)
    try {
      const frame = encodeFrame(this.#owner.snapshot())
      await writeAll(handle, frame, 0)
      await handle.datasync()
      await rename(temporary, this.#path)
      await syncDirectory(dirname(this.#path))
      await this.#handle?.close().catch(() => undefined)
      this.#handle = handle
      this.#bytes = frame.length
      this.#bytesWhenNew = frame.length
    } catch (error) {
      await handle.close().catch(() => undefined)
      // The rename may have happened: appending to the file of before could be lost.
      await this.#handle?.close().catch(() => undefined)
      this.#handle = undefined
      throw this.#unwritable(error)
    }
  }

  async #create(temporary: string): Promise<FileHandle> {
    try {
      await rm(temporary, { force: true })
      return await open(temporary, 'wx', FILE_MODE)
    } catch (error) {
      throw this.#unwritable(error)
    }
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written)
    written += bytesWritten
  }
}

/** Flushes a directory's entries: a new name is durable only then. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory to flush it, and its file systems flush names with the files.
  if (process.platform === 'win32') return
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
