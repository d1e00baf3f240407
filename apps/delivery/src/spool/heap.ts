// The records of one object on their way: in memory while they are few, then in a file. Runs in the app. The file is no promise: what is
// in it is read again from the stream after a crash. Records are copied: they are views of memory that others' records share, which a few
// that wait here would keep for as long; and a view of each of thousands is dear to whoever collects garbage.
import { open, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pieces, Spooled } from '../engine/object-encoder.ts'
import { CHUNK_BYTES, chunksOf } from './chunks-of.ts'

/** Where heaps put their files. */
export interface HeapPlace {
  readonly directory: string
  /** A name that no other file there has. */
  readonly fileName: () => string
}

/** Bytes that records are put into together: few at first, since there may be thousands of heaps. */
const SLAB_BYTES_MIN = 512
const SLAB_BYTES_MAX = 1024 * 1024

export class Heap implements Spooled, Pieces {
  readonly #place: HeapPlace
  #pieces: Uint8Array[] = []
  #memoryBytes = 0
  #bytes = 0
  #records = 0
  /** What records are copied into; from `slabFrom` to `slabTo` they are not among the pieces yet. */
  #slab = new Uint8Array(0)
  #slabFrom = 0
  #slabTo = 0
  #path: string | undefined
  #handle: FileHandle | undefined
  #writing: Promise<void> = Promise.resolve()
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

  /** Takes a piece of a record. */
  push(piece: Uint8Array): void {
    const { length } = piece
    if (length > this.#slab.length - this.#slabTo) this.#beginSlab(length)
    // The end of a line: a call would take longer.
    if (length === 1) this.#slab[this.#slabTo] = piece[0]!
    else this.#slab.set(piece, this.#slabTo)
    this.#slabTo += length
    this.#bytes += length
    this.#memoryBytes += length
  }

  /** All pieces of a record are there. */
  endRecord(): void {
    this.#records++
  }

  /** Moves what is in memory to the file. Fulfils when memory has none of it; where the disk does not take it, it stays, and this rejects. */
  async spill(): Promise<void> {
    const writing = this.#writing.then(() => this.#write())
    this.#writing = writing.catch(() => {})
    await writing
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    await this.#writing
    this.#throwIfReleased()
    if (this.#fileBytes > 0) {
      // By the open file: its name may have been removed by those who tidy directories of temporary files.
      const place = { start: 0, end: this.#fileBytes - 1, highWaterMark: CHUNK_BYTES, autoClose: false }
      yield* this.#handle!.createReadStream(place)
    }
    // Half of the records would look like an object.
    this.#throwIfReleased()
    this.#endSlab()
    yield* chunksOf(this.#pieces)
  }

  async toFile(): Promise<string> {
    if (this.#path === undefined && this.#memoryBytes === 0) {
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
    this.#slab = new Uint8Array(0)
    this.#slabFrom = this.#slabTo = 0
    this.#memoryBytes = 0
    await this.#writing
    await this.#handle?.close().catch(() => {})
    this.#handle = undefined
    const paths = this.#path === undefined ? this.#scratch : [this.#path, ...this.#scratch]
    for (const path of paths) await rm(path, { force: true, recursive: true }).catch(() => {})
  }

  #throwIfReleased(): void {
    if (this.#isReleased) throw new Error('The records of this object are not wanted any more.')
  }

  #beginSlab(bytes: number): void {
    this.#endSlab()
    const usual = Math.min(Math.max(SLAB_BYTES_MIN, 2 * this.#slab.length), SLAB_BYTES_MAX)
    this.#slab = Buffer.allocUnsafeSlow(Math.max(usual, bytes))
    this.#slabFrom = this.#slabTo = 0
  }

  /** Puts what was copied so far among the pieces. */
  #endSlab(): void {
    if (this.#slabTo > this.#slabFrom) this.#pieces.push(this.#slab.subarray(this.#slabFrom, this.#slabTo))
    this.#slabFrom = this.#slabTo
  }

  /** One at a time. What could not be written is in memory, before what came meanwhile. */
  async #write(): Promise<void> {
    this.#endSlab()
    const pieces = this.#pieces
    if (pieces.length === 0 || this.#isReleased) return
    this.#pieces = []
    try {
      this.#path ??= join(this.#place.directory, this.#place.fileName())
      this.#handle ??= await open(this.#path, 'w+')
      const bytes = await writePieces(this.#handle, pieces, this.#fileBytes)
      this.#fileBytes += bytes
      this.#memoryBytes -= bytes
    } catch (error) {
      this.#pieces = [...pieces, ...this.#pieces]
      throw error
    }
  }
}

/** Writes pieces one behind the other, and returns their bytes: from a place in the file, or at its end. */
export async function writePieces(
  handle: FileHandle,
  pieces: readonly Uint8Array[],
  from?: number,
): Promise<number> {
  let bytes = 0
  for (const chunk of chunksOf(pieces)) {
    // A disk that is nearly full takes a part, and then says why.
    for (let written = 0; written < chunk.length;) {
      const place = from === undefined ? null : from + bytes
      const { bytesWritten } = await handle.write(chunk, written, chunk.length - written, place)
      written += bytesWritten
      bytes += bytesWritten
    }
  }
  return bytes
}
