// The records of one object on their way: in memory while they are few, then in a file. Runs in the app. The file is no promise: what is
// in it is read again from the stream after a crash.
import { createReadStream } from 'node:fs'
import { open, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Spooled } from '../engine/object-encoder.ts'

/** Where heaps put their files. */
export interface HeapPlace {
  readonly directory: string
  /** A name that no other file there has. */
  readonly fileName: () => string
}

/** Pieces of one call of writev: what all systems take. */
const PIECES_MAX = 1000

export class Heap implements Spooled {
  readonly #place: HeapPlace
  #pieces: Uint8Array[] = []
  #memoryBytes = 0
  #bytes = 0
  #records = 0
  #path: string | undefined
  #handle: FileHandle | undefined
  #writing: Promise<void> = Promise.resolve()
  #fault: Error | undefined
  #fileBytes = 0
  #isReleased = false
  readonly #scratch: string[] = []

  constructor(place: HeapPlace) {
    this.#place = place
  }

  get bytes(): number {
    return this.#bytes
  }

  get records(): number {
    return this.#records
  }

  /** Bytes that are held in memory. */
  get memoryBytes(): number {
    return this.#memoryBytes
  }

  /** Path of the file, where all of the records are in it. */
  get file(): string | undefined {
    return this.#path !== undefined && this.#memoryBytes === 0 ? this.#path : undefined
  }

  /** Takes a record: pieces that nobody changes. */
  add(pieces: readonly Uint8Array[], bytes: number): void {
    for (const piece of pieces) this.#pieces.push(piece)
    this.#records++
    this.#bytes += bytes
    this.#memoryBytes += bytes
  }

  /** Moves what is in memory to the file. Fulfils when memory has none of it; rejects where the disk does not take it. */
  async spill(): Promise<void> {
    const pieces = this.#pieces
    const bytes = this.#memoryBytes
    if (pieces.length > 0) {
      this.#pieces = []
      this.#memoryBytes = 0
      this.#path ??= join(this.#place.directory, this.#place.fileName())
      this.#writing = this.#writing.then(() => this.#write(pieces, bytes))
    }
    await this.#writing
    if (this.#fault !== undefined) throw this.#fault
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    await this.#writing
    if (this.#fault !== undefined) throw this.#fault
    this.#throwIfReleased()
    if (this.#path !== undefined && this.#fileBytes > 0) {
      yield* createReadStream(this.#path, { end: this.#fileBytes - 1, highWaterMark: 256 * 1024 })
    }
    // Half of the records would look like an object.
    this.#throwIfReleased()
    yield* this.#pieces
  }

  async toFile(): Promise<string> {
    if (this.#path === undefined && this.#pieces.length === 0) {
      this.#path = join(this.#place.directory, this.#place.fileName())
      await writeFile(this.#path, '')
    }
    await this.spill()
    return this.#path!
  }

  scratch(extension: string): string {
    const path = join(this.#place.directory, this.#place.fileName() + extension)
    this.#scratch.push(path)
    return path
  }

  /** Deletes the files. */
  async release(): Promise<void> {
    this.#isReleased = true
    this.#pieces = []
    this.#memoryBytes = 0
    await this.#writing.catch(() => {})
    await this.#handle?.close().catch(() => {})
    this.#handle = undefined
    const paths = this.#path === undefined ? this.#scratch : [this.#path, ...this.#scratch]
    for (const path of paths) await rm(path, { force: true, recursive: true }).catch(() => {})
  }

  #throwIfReleased(): void {
    if (this.#isReleased) throw new Error('The records of this object are not wanted any more.')
  }

  async #write(pieces: Uint8Array[], bytes: number): Promise<void> {
    if (this.#fault !== undefined) return
    try {
      this.#handle ??= await open(this.#path!, 'w')
      await writePieces(this.#handle, pieces)
      this.#fileBytes += bytes
    } catch (error) {
      this.#fault = error instanceof Error ? error : new Error(String(error))
    }
  }
}

/** Writes pieces one behind the other at the end of a file. */
export async function writePieces(handle: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  for (let at = 0; at < pieces.length; at += PIECES_MAX) {
    const some = pieces.slice(at, at + PIECES_MAX)
    const wanted = some.reduce((sum, { length }) => sum + length, 0)
    let { bytesWritten } = await handle.writev(some)
    // A disk that is nearly full takes a part, and then says why.
    for (let rest = wanted - bytesWritten; rest > 0; rest = wanted - bytesWritten) {
      const left = Buffer.concat(some).subarray(bytesWritten)
      bytesWritten += (await handle.write(left)).bytesWritten
    }
  }
}
