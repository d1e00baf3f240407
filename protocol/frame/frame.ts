// Frames: how messages are cut out of a byte stream. Runs anywhere, pure.
//
//   0        4                                     4 + length
//   ┌────────┬──────────────────────────────────────────┐
//   │ length │ payload: msgpack [kind, id, correlation  │
//   │ u32 LE │          id, body]                       │
//   └────────┴──────────────────────────────────────────┘
//
// A length is checked before anything is buffered for it. Memory grows with the bytes that arrive, not with the length that
// a peer claims.
import { writeU32 } from '../bytes.ts'
import { limits } from '../limits.ts'
import { MillraceError } from '../millrace-error.ts'
import { pack, type Packable } from './msgpack-writer.ts'
import { countOf } from '../text/count-text.ts'

export const FRAME_PREFIX_BYTES = 4

/** Chunks below this size are copied together: a peer that sends single bytes must not cost an object for each. */
const GATHERED_BYTES_MAX = 4096
const SLAB_BYTES_MIN = 64

/** Encodes one frame as chunks for one vectored write. Byte fields of 1 KiB or more are not copied. */
export function encodeFrame(message: Packable): Uint8Array[] {
  const { chunks, byteLength } = pack(message, FRAME_PREFIX_BYTES)
  const length = byteLength - FRAME_PREFIX_BYTES
  if (length > limits.frameBytesMax) {
    throw new MillraceError(
      'invalidArgument',
      `The message has ${countOf(length, 'byte')}; a frame holds at most ${limits.frameBytesMax}: send less at once.`,
    )
  }
  writeU32(chunks[0]!, 0, length)
  return chunks
}

/** Cuts a byte stream into payloads. After an error the stream cannot be read any further. */
export class FrameReader {
  /** Largest payload in bytes; the connection raises it once the peer has sent hello. */
  frameBytesMax: number
  /** The bytes of the length prefix read so far, as a number, and how many there are. */
  #prefix = 0
  #prefixBytes = 0
  /** Length of the payload being gathered, in bytes; 0 while the prefix is incomplete. */
  #length = 0
  #parts: Uint8Array[] = []
  #gathered = 0
  /** Buffer for small chunks; it becomes a part when it is full or a large chunk follows. */
  #slab: Uint8Array | undefined
  #slabUsed = 0

  constructor(options: { frameBytesMax: number }) {
    this.frameBytesMax = options.frameBytesMax
  }

  /** Bytes received of an incomplete frame; above 0 while the rest has not arrived. */
  get pendingBytes(): number {
    return this.#prefixBytes + this.#gathered
  }

  /**
   * Returns the payloads that this chunk completes. A payload within the chunk is a view on it; a payload that straddles
   * chunks has its own memory. Throws `frameTooLarge` or `malformedFrame`, and then drops payloads before the bad prefix in
   * the same chunk. The reader owns the chunk from then on.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const payloads: Uint8Array[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#length === 0) {
        at = this.#readPrefix(chunk, at)
        continue
      }
      const end = Math.min(chunk.length, at + this.#length - this.#gathered)
      const bytes = chunk.subarray(at, end)
      at = end
      if (bytes.length === this.#length) payloads.push(bytes)
      else if (!this.#gather(bytes)) continue
      else payloads.push(this.#assemble())
      this.#length = 0
      this.#prefixBytes = 0
    }
    return payloads
  }

  /** Reads prefix bytes from `at` on and returns the index after them. */
  #readPrefix(chunk: Uint8Array, at: number): number {
    while (this.#prefixBytes < FRAME_PREFIX_BYTES && at < chunk.length) {
      if (this.#prefixBytes === 0) this.#prefix = 0
      this.#prefix += chunk[at++]! * 2 ** (8 * this.#prefixBytes++)
    }
    if (this.#prefixBytes < FRAME_PREFIX_BYTES) return at
    if (this.#prefix === 0) throw new MillraceError('malformedFrame', 'A frame of length 0 holds no message.')
    if (this.#prefix > this.frameBytesMax) {
      throw new MillraceError(
        'frameTooLarge',
        `A frame of ${this.#prefix} bytes was announced; the limit is ${this.frameBytesMax} bytes: send less at once, ` +
          'or check that the peer speaks this protocol, without TLS around it.',
      )
    }
    this.#length = this.#prefix
    return at
  }

  /** Adds a piece to the payload. Returns true if the payload is complete. */
  #gather(bytes: Uint8Array): boolean {
    if (bytes.length < GATHERED_BYTES_MAX) this.#gatherSmall(bytes)
    else {
      this.#closeSlab()
      this.#parts.push(bytes)
      this.#gathered += bytes.length
    }
    return this.#gathered === this.#length
  }

  #gatherSmall(bytes: Uint8Array): void {
    let from = 0
    while (from < bytes.length) {
      this.#slab ??= Buffer.allocUnsafeSlow(this.#slabBytes())
      const taken = Math.min(bytes.length - from, this.#slab.length - this.#slabUsed)
      this.#slab.set(bytes.subarray(from, from + taken), this.#slabUsed)
      this.#slabUsed += taken
      this.#gathered += taken
      from += taken
      if (this.#slabUsed === this.#slab.length) this.#closeSlab()
    }
  }

  /** Size of the next slab: as much as was gathered so far, within bounds, so that a claimed length alone takes little. */
  #slabBytes(): number {
    const wanted = Math.min(Math.max(this.#gathered, SLAB_BYTES_MIN), GATHERED_BYTES_MAX)
    return Math.min(wanted, this.#length - this.#gathered)
  }

  #closeSlab(): void {
    if (this.#slab === undefined) return
    this.#parts.push(this.#slab.subarray(0, this.#slabUsed))
    this.#slab = undefined
    this.#slabUsed = 0
  }

  /** Returns the complete payload, in memory of exactly its size. */
  #assemble(): Uint8Array {
    this.#closeSlab()
    const parts = this.#parts
    this.#parts = []
    this.#gathered = 0
    if (parts.length === 1) return parts[0]!
    const payload = Buffer.allocUnsafeSlow(this.#length)
    let at = 0
    for (const part of parts) {
      payload.set(part, at)
      at += part.length
    }
    return payload
  }
}
