// The output queue of one stream. Runs on the main thread of every process that listens. Everything queued in one turn
// leaves in one vectored write, up to a bound. A stream reports only that a whole write was taken, so the bound is also
// how much a slow peer must take to count as taking.
import type { Duplex } from 'node:stream'

const WRITTEN_AT_ONCE_BYTES_MAX = 1024 * 1024

/** Counts the chunks that wait. Each is held once, and released once, when the kernel has taken it, unless it is dropped. */
export interface HeldChunks {
  hold(chunk: Uint8Array): void
  release(chunk: Uint8Array): void
}

export class Outgoing {
  readonly #stream: Duplex
  readonly #held: HeldChunks
  readonly #onTaken: () => void
  #queue: Uint8Array[] = []
  /** Bytes in `#queue`, not yet written to the stream. */
  #unwritten = 0
  #total = 0
  #scheduled = false
  #ending = false

  constructor(stream: Duplex, held: HeldChunks, onTaken: () => void) {
    this.#stream = stream
    this.#held = held
    this.#onTaken = onTaken
  }

  /** Bytes that the kernel has not taken. */
  get bytes(): number {
    return this.#unwritten + this.#stream.writableLength
  }

  /** Bytes that the kernel has taken since the connection began. */
  get bytesTaken(): number {
    return this.#total - this.bytes
  }

  /** Queues chunks, which must not change any more; returns how many bytes they have. */
  push(chunks: readonly Uint8Array[]): number {
    let bytes = 0
    for (const chunk of chunks) {
      bytes += chunk.length
      this.#queue.push(chunk)
      this.#held.hold(chunk)
    }
    this.#unwritten += bytes
    this.#total += bytes
    if (!this.#scheduled) {
      this.#scheduled = true
      process.nextTick(this.#write)
    }
    return bytes
  }

  /** Ends the stream after everything that was queued. */
  end(): void {
    this.#ending = true
    this.#write()
  }

  /** Drops what waits; the stream is gone. */
  drop(): void {
    this.#queue = []
    this.#unwritten = 0
  }

  readonly #write = (): void => {
    this.#scheduled = false
    if (this.#stream.destroyed) return
    const written = this.#take(WRITTEN_AT_ONCE_BYTES_MAX - this.#stream.writableLength)
    const last = written.length - 1
    if (last >= 0) {
      this.#stream.cork()
      for (let i = 0; i < last; i++) this.#stream.write(written[i]!)
      this.#stream.write(written[last]!, (error) => this.#taken(written, error))
      this.#stream.uncork()
    }
    if (this.#ending && this.#queue.length === 0) this.#stream.end()
  }

  /** Removes up to `room` bytes from the front of the queue and returns them. */
  #take(room: number): Uint8Array[] {
    let count = 0
    while (count < this.#queue.length && room >= this.#queue[count]!.length) {
      room -= this.#queue[count++]!.length
    }
    const taken = this.#queue.splice(0, count)
    const next = this.#queue[0]
    if (next !== undefined && room > 0) {
      const piece = next.subarray(0, room)
      this.#held.hold(piece)
      taken.push(piece)
      this.#queue[0] = next.subarray(room)
    }
    for (const chunk of taken) this.#unwritten -= chunk.length
    return taken
  }

  #taken(chunks: readonly Uint8Array[], error: Error | null | undefined): void {
    if (error) return // the stream emits the error and closes
    for (const chunk of chunks) this.#held.release(chunk)
    if (this.#queue.length > 0) this.#write()
    this.#onTaken()
  }
}
