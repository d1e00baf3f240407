// Collects the bytes of one CBOR value. Pure.

/** Answers are written into one buffer after another; one that grew beyond this is given back when it is empty again. */
const KEPT_BYTES_MAX = 1024 * 1024

/** Texts up to this length are copied by a loop, which takes less than a call of Buffer's. */
const SHORT_TEXT_MAX = 64

/** A buffer that grows. One value at a time: `take()` ends it. */
export class CborSink {
  #bytes = Buffer.allocUnsafe(64 * 1024)
  #at = 0

  /** A copy of what was written; the sink is empty afterwards. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#at))
    this.clear()
    return taken
  }

  clear(): void {
    this.#at = 0
    if (this.#bytes.length > KEPT_BYTES_MAX) this.#bytes = Buffer.allocUnsafe(64 * 1024)
  }

  byte(byte: number): void {
    this.#reserve(1)
    this.#bytes[this.#at++] = byte
  }

  /** The first bytes of a value: its major type, and how much follows, or which number it is. */
  head(major: number, count: number): void {
    this.#reserve(9)
    const bytes = this.#bytes
    const type = major << 5
    if (count < 24) {
      bytes[this.#at++] = type | count
    } else if (count < 2 ** 8) {
      bytes[this.#at++] = type | 24
      bytes[this.#at++] = count
    } else if (count < 2 ** 16) {
      bytes[this.#at++] = type | 25
      this.#at = bytes.writeUInt16BE(count, this.#at)
    } else if (count < 2 ** 32) {
      bytes[this.#at++] = type | 26
      this.#at = bytes.writeUInt32BE(count, this.#at)
    } else {
      bytes[this.#at++] = type | 27
      this.#at = bytes.writeUInt32BE(Math.floor(count / 2 ** 32), this.#at)
      this.#at = bytes.writeUInt32BE(count % 2 ** 32, this.#at)
    }
  }

  /** A byte string. */
  blob(blob: Uint8Array): void {
    this.head(2, blob.length)
    this.raw(blob)
  }

  /** Bytes that are CBOR already. */
  raw(raw: Uint8Array): void {
    this.#reserve(raw.length)
    this.#bytes.set(raw, this.#at)
    this.#at += raw.length
  }

  text(text: string): void {
    if (text.length <= SHORT_TEXT_MAX && this.#asciiText(text)) return
    const length = Buffer.byteLength(text)
    this.head(3, length)
    this.#reserve(length)
    this.#at += this.#bytes.write(text, this.#at)
  }

  /** Writes a short text whose characters are all ASCII; otherwise nothing, and is false. */
  #asciiText(text: string): boolean {
    const from = this.#at
    this.head(3, text.length)
    this.#reserve(text.length)
    const bytes = this.#bytes
    let at = this.#at
    for (let index = 0; index < text.length; index++) {
      const character = text.charCodeAt(index)
      if (character > 0x7f) {
        this.#at = from
        return false
      }
      bytes[at++] = character
    }
    this.#at = at
    return true
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + length))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
  }
}
