// Collects the bytes of one CBOR value. Pure.
import { ByteSink } from './byte-sink.ts'

/** Texts up to this length are copied by a loop, which takes less than a call of Buffer's. */
const SHORT_TEXT_MAX = 64

export class CborSink extends ByteSink {
  /** The first bytes of a value: its major type, and how much follows, or which number it is. */
  head(major: number, count: number): void {
    this.reserve(9)
    const bytes = this.bytes
    const type = major << 5
    if (count < 24) {
      bytes[this.at++] = type | count
    } else if (count < 2 ** 8) {
      bytes[this.at++] = type | 24
      bytes[this.at++] = count
    } else if (count < 2 ** 16) {
      bytes[this.at++] = type | 25
      this.at = bytes.writeUInt16BE(count, this.at)
    } else if (count < 2 ** 32) {
      bytes[this.at++] = type | 26
      this.at = bytes.writeUInt32BE(count, this.at)
    } else {
      bytes[this.at++] = type | 27
      this.at = bytes.writeUInt32BE(Math.floor(count / 2 ** 32), this.at)
      this.at = bytes.writeUInt32BE(count % 2 ** 32, this.at)
    }
  }

  /** A byte string. */
  blob(blob: Uint8Array): void {
    this.head(2, blob.length)
    this.raw(blob)
  }

  text(text: string): void {
    if (text.length <= SHORT_TEXT_MAX && this.#asciiText(text)) return
    const length = Buffer.byteLength(text)
    this.head(3, length)
    this.reserve(length)
    this.at += this.bytes.write(text, this.at)
  }

  /** Writes a short text whose characters are all ASCII; otherwise nothing, and is false. */
  #asciiText(text: string): boolean {
    const from = this.at
    this.head(3, text.length)
    this.reserve(text.length)
    const bytes = this.bytes
    let at = this.at
    for (let index = 0; index < text.length; index++) {
      const character = text.charCodeAt(index)
      if (character > 0x7f) {
        this.at = from
        return false
      }
      bytes[at++] = character
    }
    this.at = at
    return true
  }
}
