// Parses CBOR (RFC 8949) as far as the kinds of the API go, from senders that mean harm as well. Pure.
// Lengths are believed only as far as there are bytes, items and depth are counted, and no tag makes anything but a Date.
import { isUtf8 } from 'node:buffer'
import { KeyCache } from './key-cache.ts'

/** Values that one body may hold: a request of the API has some thousands. */
const ITEMS_MAX = 250_000

/** Requests of the API nest four deep; what lies deeper stands in members that nobody knows. */
const DEPTH_MAX = 100

const BREAK = 0xff
const INDEFINITE = 31
/** Tag of a moment. The service counts milliseconds where the RFC counts seconds. */
const TAG_TIME = 1

const keys = new KeyCache()

/** Thrown for bytes that are no CBOR, or none that the API has a use for. */
class NotCbor extends Error {}

/**
 * The value of bytes: text, number or bigint, boolean, null, Uint8Array, Date, list, or object with the members of a map, the last of
 * those of one name. Byte strings are views of `bytes`. undefined where the bytes are not one value within bounds.
 */
export function parseCborValue(bytes: Uint8Array): unknown {
  const parser = new Parser(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  try {
    return parser.whole()
  } catch (error) {
    if (error instanceof NotCbor) return undefined
    throw error
  }
}

class Parser {
  readonly #bytes: Buffer
  #at = 0
  #items = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  whole(): unknown {
    const value = this.#value(0)
    if (this.#at !== this.#bytes.length) throw new NotCbor()
    return value
  }

  #value(depth: number): unknown {
    if (depth > DEPTH_MAX || ++this.#items > ITEMS_MAX) throw new NotCbor()
    const head = this.#byte()
    const minor = head & 0x1f
    switch (head >> 5) {
      case 0:
        return this.#count(minor)
      case 1: {
        const count = this.#count(minor)
        return typeof count === 'bigint' ? -1n - count : -1 - count
      }
      case 2:
        return minor === INDEFINITE ? Buffer.concat(this.#chunks(2)) : this.#slice(this.#length(minor))
      case 3:
        return this.#text(minor)
      case 4:
        return this.#list(minor, depth)
      case 5:
        return this.#map(minor, depth)
      case 6:
        return this.#tagged(this.#count(minor), depth)
      default:
        return this.#simple(minor)
    }
  }

  #list(minor: number, depth: number): unknown[] {
    const list: unknown[] = []
    if (minor === INDEFINITE) {
      while (!this.#ends()) list.push(this.#value(depth + 1))
    } else {
      for (let left = this.#length(minor); left > 0; left--) list.push(this.#value(depth + 1))
    }
    return list
  }

  #map(minor: number, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = {}
    if (minor === INDEFINITE) {
      while (!this.#ends()) this.#member(map, depth)
    } else {
      for (let left = this.#length(minor); left > 0; left--) this.#member(map, depth)
    }
    return map
  }

  #member(map: Record<string, unknown>, depth: number): void {
    const head = this.#byte()
    if (head >> 5 !== 3) throw new NotCbor()
    const key = this.#text(head & 0x1f)
    const value = this.#value(depth + 1)
    if (key === '__proto__') {
      Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true })
    } else {
      map[key] = value
    }
  }

  #tagged(tag: number | bigint, depth: number): unknown {
    const value = this.#value(depth + 1)
    if (tag !== TAG_TIME || typeof value !== 'number') return value
    return new Date(value)
  }

  #text(minor: number): string {
    if (minor === INDEFINITE) return this.#textOf(Buffer.concat(this.#chunks(3)))
    const length = this.#length(minor)
    if (length >= KeyCache.LENGTH_MAX) return this.#textOf(this.#slice(length))
    this.#need(length)
    const from = this.#at
    this.#at += length
    return keys.get(this.#bytes, from, length) ?? this.#textOf(this.#bytes.subarray(from, this.#at))
  }

  #textOf(bytes: Buffer): string {
    const text = bytes.toString('utf8')
    if (text.includes('\ufffd') && !isUtf8(bytes)) throw new NotCbor()
    return text
  }

  /** The pieces of a string of indefinite length, each a string of the same kind with its length. */
  #chunks(major: number): Buffer[] {
    const chunks: Buffer[] = []
    while (!this.#ends()) {
      const head = this.#byte()
      if (head >> 5 !== major || ++this.#items > ITEMS_MAX) throw new NotCbor()
      chunks.push(this.#slice(this.#length(head & 0x1f)))
    }
    return chunks
  }

  #simple(minor: number): unknown {
    switch (minor) {
      case 20:
        return false
      case 21:
        return true
      case 22:
      case 23:
        return null
      case 25:
        return halfFloat(this.#uint(2))
      case 26:
        this.#need(4)
        this.#at += 4
        return this.#bytes.readFloatBE(this.#at - 4)
      case 27:
        this.#need(8)
        this.#at += 8
        return this.#bytes.readDoubleBE(this.#at - 8)
      default:
        throw new NotCbor()
    }
  }

  /** How many bytes or items follow: never more than there are bytes, since each item takes one at least. */
  #length(minor: number): number {
    const length = Number(this.#count(minor))
    this.#need(length)
    return length
  }

  #count(minor: number): number | bigint {
    if (minor < 24) return minor
    if (minor === 24) return this.#byte()
    if (minor === 25) return this.#uint(2)
    if (minor === 26) return this.#uint(4)
    if (minor !== 27) throw new NotCbor()
    const high = this.#uint(4)
    const low = this.#uint(4)
    return high < 0x20_0000 ? high * 2 ** 32 + low : (BigInt(high) << 32n) | BigInt(low)
  }

  #uint(bytes: 2 | 4): number {
    this.#need(bytes)
    this.#at += bytes
    return bytes === 2 ? this.#bytes.readUInt16BE(this.#at - 2) : this.#bytes.readUInt32BE(this.#at - 4)
  }

  #ends(): boolean {
    this.#need(1)
    if (this.#bytes[this.#at] !== BREAK) return false
    this.#at++
    return true
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new NotCbor()
    this.#at++
    return byte
  }

  #slice(length: number): Buffer {
    this.#need(length)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  #need(bytes: number): void {
    if (bytes > this.#bytes.length - this.#at) throw new NotCbor()
  }
}

function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * 2 ** -24 * fraction
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * 2 ** (exponent - 25) * (1024 + fraction)
}
