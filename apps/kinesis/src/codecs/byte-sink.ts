// A buffer that grows: answers are written into it one after another. Pure.

/** One that grew beyond this is not kept. */
const KEPT_BYTES_MAX = 1024 * 1024
const FIRST_BYTES = 64 * 1024

/** Collects the bytes of one value at a time: `take()` ends it. */
export class ByteSink {
  protected bytes = Buffer.allocUnsafe(FIRST_BYTES)
  /** Where the next byte goes. */
  protected at = 0

  /** What was written, the caller's own from now on; the sink is empty afterwards. */
  take(): Buffer {
    const written = this.bytes.subarray(0, this.at)
    const taken = this.bytes.length > KEPT_BYTES_MAX ? written : Buffer.from(written)
    this.clear()
    return taken
  }

  clear(): void {
    this.at = 0
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafe(FIRST_BYTES)
  }

  byte(byte: number): void {
    this.reserve(1)
    this.bytes[this.at++] = byte
  }

  /** Bytes as they are. */
  raw(raw: Uint8Array): void {
    this.reserve(raw.length)
    this.bytes.set(raw, this.at)
    this.at += raw.length
  }

  /** Makes room for so many bytes. */
  protected reserve(length: number): void {
    if (this.at + length <= this.bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + length))
    this.bytes.copy(grown, 0, 0, this.at)
    this.bytes = grown
  }
}
