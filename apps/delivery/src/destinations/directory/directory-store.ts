// Objects as files of a directory of this machine. Runs in the app. A file appears whole or not at all: it is written under a temporary
// name, flushed, renamed, and the directory flushed. What a crash has left under a temporary name is removed later.
import { constants, createReadStream, type Dirent } from 'node:fs'
import {
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  statfs,
  type FileHandle,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DeliveryFault } from '../../errors/delivery-fault.ts'
import { writePieces } from '../../spool/heap.ts'
import { DirectoryFlushes, flushDirectory } from './directory-flushes.ts'
import type { ObjectContent, ObjectStore, StoredObject, WriteSteps } from '../object-store.ts'

/** Ending of names that are no objects yet. */
export const TEMPORARY = '.millrace.tmp'

/** In names of what no writer is told of. */
const NOBODY = 'nobody'

/** Left free for others, so that the machine goes on working. */
const FREE_BYTES_MIN = 64 * 2 ** 20

/** How long what was found free is believed, where it is plenty. */
const FREE_MS = 1000

/** A temporary file that nobody has written to for so long is nobody's. */
const LEFT_OVER_MS = 3_600_000

/** Bytes that are written together. */
const WRITE_BYTES = 1024 * 1024

export interface StoreRim {
  /** A text that no other process has: for temporary names. */
  readonly unique: () => string
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export class DirectoryStore implements ObjectStore {
  readonly writesMax = 1
  readonly #root: string
  /** Directories that are there, and flushed into their parents. */
  readonly #known = new Set<string>()
  readonly #flushes = new DirectoryFlushes()
  readonly #unique: () => string
  readonly #now: () => number
  #count = 0
  /** Bytes that were free at the last look, without those of objects since. */
  #free = 0
  #lookedAt = 0

  constructor(root: string, rim: StoreRim) {
    this.#root = root
    this.#unique = rim.unique
    this.#now = rim.now
  }

  async write(
    key: string,
    content: ObjectContent,
    signal: AbortSignal,
    { prepared, writer = NOBODY }: WriteSteps = {},
  ): Promise<void> {
    const path = join(this.#root, key)
    const directory = dirname(path)
    // Without the object's name, which may be as long as names can be.
    const temporary = join(directory, `.${writer}.${this.#unique()}-${this.#count++}${TEMPORARY}`)
    try {
      await this.#make(directory)
      await this.#haveRoom(content.bytes ?? 0)
      await this.#fill(temporary, content, signal)
      await prepared
      signal.throwIfAborted()
      await rename(temporary, path)
      await this.#flushes.flush(directory)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {})
      // Somebody may have removed the directory.
      this.#known.clear()
      signal.throwIfAborted()
      throw faultOf(error, this.#root)
    }
  }

  async remove(key: string): Promise<void> {
    const path = join(this.#root, key)
    try {
      await rm(path, { force: true })
      await flushDirectory(dirname(path)).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error
      })
    } catch (error) {
      throw faultOf(error, this.#root)
    }
  }

  async sweep(key: string, writer: string, signal: AbortSignal): Promise<void> {
    const directory = dirname(join(this.#root, key))
    for (const name of await readdir(directory)) {
      const of = temporaryOf(name)
      if (of?.writer !== writer || of.by === this.#unique()) continue
      signal.throwIfAborted()
      await rm(join(directory, name), { force: true })
    }
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    try {
      yield* this.#walk('', prefix, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw faultOf(error, this.#root)
    }
  }

  async *read(key: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* createReadStream(join(this.#root, key), { signal })
    } catch (error) {
      signal.throwIfAborted()
      throw faultOf(error, this.#root)
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async *#walk(under: string, prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    signal.throwIfAborted()
    let entries: Dirent[]
    try {
      entries = await readdir(join(this.#root, under), { withFileTypes: true })
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return
      throw error
    }
    // In the order of keys: a directory stands where its name with the slash does.
    const named = entries.map((entry) => ({
      entry,
      key: under + entry.name + (entry.isDirectory() ? '/' : ''),
    }))
    named.sort((a, b) => (a.key < b.key ? -1 : 1))
    for (const { entry, key } of named) {
      if (entry.isDirectory()) {
        if (key.startsWith(prefix) || prefix.startsWith(key)) yield* this.#walk(key, prefix, signal)
      } else if (entry.isFile() && key.startsWith(prefix) && !key.endsWith(TEMPORARY)) {
        yield { key, bytes: (await stat(join(this.#root, key))).size }
      }
    }
  }

  /** Fills a new file, and flushes it. */
  async #fill(path: string, content: ObjectContent, signal: AbortSignal): Promise<void> {
    const isLinked = content.file !== undefined && (await linked(content.file, path))
    const handle = await open(path, isLinked ? 'r+' : 'wx')
    try {
      const bytes = isLinked ? (await handle.stat()).size : await writeAll(handle, content, signal)
      if (content.bytes !== undefined && bytes !== content.bytes) {
        throw new Error(`${bytes} of ${content.bytes} bytes were written.`)
      }
      await handle.datasync()
    } finally {
      await handle.close()
    }
  }

  async #haveRoom(bytes: number): Promise<void> {
    // Small objects come by the hundreds a second, and are far from filling what was found free.
    this.#free -= bytes
    if (this.#free >= 2 * FREE_BYTES_MIN && Math.abs(this.#now() - this.#lookedAt) < FREE_MS) return
    const { bavail, bsize } = await statfs(this.#root)
    this.#free = bavail * bsize - bytes
    this.#lookedAt = this.#now()
    if (this.#free >= FREE_BYTES_MIN) return
    throw new DeliveryFault(
      'full',
      `The file system of ${this.#root} has no room: ${inMebibytes(bavail * bsize)} are free, the object has ${inMebibytes(bytes)}, and ${inMebibytes(FREE_BYTES_MIN)} are left to others. Free some.`,
      {
        retry: true,
      },
    )
  }

  /** Makes a directory, and flushes each that is new into its parent: a file is durable only where its path is. */
  async #make(directory: string): Promise<void> {
    if (this.#known.has(directory)) return
    const first = await mkdir(directory, { recursive: true })
    if (first !== undefined) {
      for (let each = directory; each.length >= first.length; each = dirname(each))
        await flushDirectory(dirname(each))
    }
    if (this.#known.size > 10_000) this.#known.clear()
    this.#known.add(directory)
    if (first === undefined) await this.#sweep(directory)
  }

  /** Removes what a crash has left. What is young may be another copy's, which is about to rename it. */
  async #sweep(directory: string): Promise<void> {
    for (const name of await readdir(directory)) {
      if (!name.endsWith(TEMPORARY)) continue
      const path = join(directory, name)
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }))
      if (mtimeMs < this.#now() - LEFT_OVER_MS) await rm(path, { force: true })
    }
  }
}

/** Gives a file a second name, or copies it where the names lie in two file systems. Returns false where neither can be. */
async function linked(file: string, path: string): Promise<boolean> {
  try {
    await link(file, path)
    return true
  } catch {
    try {
      await copyFile(file, path, constants.COPYFILE_EXCL)
      return true
    } catch (error) {
      if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOSPC') throw error
      return false
    }
  }
}

async function writeAll(handle: FileHandle, content: ObjectContent, signal: AbortSignal): Promise<number> {
  let pieces: Uint8Array[] = []
  let waiting = 0
  let bytes = 0
  for await (const piece of content.chunks()) {
    pieces.push(piece)
    waiting += piece.length
    if (waiting < WRITE_BYTES) continue
    signal.throwIfAborted()
    await writePieces(handle, pieces)
    bytes += waiting
    pieces = []
    waiting = 0
  }
  await writePieces(handle, pieces)
  return bytes + waiting
}

/** Whose a temporary file is, and which process writes it; undefined for all other names. */
function temporaryOf(name: string): { readonly writer: string; readonly by: string } | undefined {
  const parts = /^\.([^.]+)\.([^.]+)-\d+$/.exec(
    name.endsWith(TEMPORARY) ? name.slice(0, -TEMPORARY.length) : '',
  )
  return parts === null ? undefined : { writer: parts[1]!, by: parts[2]! }
}

function inMebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

function faultOf(error: unknown, root: string): unknown {
  if (error instanceof DeliveryFault) return error
  const { message } = error as Error
  const of = (code: DeliveryFault['code'], sentence: string, retry: boolean): DeliveryFault =>
    new DeliveryFault(code, `${sentence} (${message})`, { retry, cause: error })
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return of('denied', `The app may not write in ${root}: give its user the right.`, false)
    case 'ENOSPC':
    case 'EDQUOT':
      return of('full', `There is no room in ${root}: free some.`, true)
    case 'ENOENT':
      return of('missing', `A file is not there in ${root}.`, true)
    case 'ENOTDIR':
    case 'EEXIST':
      return of('refused', `A file stands in ${root} where a directory belongs.`, false)
    case 'ENAMETOOLONG':
      return of('refused', `A name in ${root} is too long.`, false)
    default:
      return error instanceof Error && codeOf(error) !== undefined
        ? of('unreachable', `The directory ${root} does not answer as one.`, true)
        : error
  }
}
