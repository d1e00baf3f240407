// Remembers short texts by their bytes, so that the few names of members are not made anew for each record. Pure.

const SLOTS = 1024

/** Texts of ASCII characters: a slot keeps the last that fell into it, so its size is fixed. */
export class KeyCache {
  /** Longer texts are not looked up. */
  static readonly LENGTH_MAX = 32

  readonly #slots: (string | undefined)[] = Array.from({ length: SLOTS })

  /** The text of bytes, which must be there; undefined where they are not all ASCII. */
  get(bytes: Uint8Array, from: number, length: number): string | undefined {
    let hash = length
    for (let at = from; at < from + length; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0
    const slot = (hash ^ (hash >>> 10)) & (SLOTS - 1)
    const known = this.#slots[slot]
    if (known !== undefined && isTextOf(known, bytes, from, length)) return known
    for (let at = from; at < from + length; at++) if (bytes[at]! > 0x7f) return undefined
    const text = String.fromCharCode(...bytes.subarray(from, from + length))
    this.#slots[slot] = text
    return text
  }
}

function isTextOf(text: string, bytes: Uint8Array, from: number, length: number): boolean {
  if (text.length !== length) return false
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) !== bytes[from + index]) return false
  }
  return true
}
