// Hash keys: MD5 of the UTF-8 partition key as an unsigned 128-bit integer, exactly Kinesis' function. Runs anywhere.
// In memory a hash key is four unsigned 32-bit words, most significant first; on the wire 16 bytes, big-endian.
import { hash } from 'node:crypto'
import { readU32, readU32BigEndian, writeU32BigEndian } from '../bytes.ts'
import { md5Block } from './md5-block.ts'
import { MillraceError } from '../millrace-error.ts'
import { checkText } from '../text/text.ts'

/** Four words, most significant first. */
export type HashKeyWords = Uint32Array

const HASH_KEY_MAX = (1n << 128n) - 1n

// One MD5 block holds this many bytes beside its padding, which is a 0x80 byte and the length in bits.
const ONE_BLOCK_BYTES_MAX = 55

// The padded block of the key being hashed. Hashing never yields, so one block is enough per thread.
const block = new Int32Array(16)
const encoded = new Uint8Array(ONE_BLOCK_BYTES_MAX)
const encoder = new TextEncoder()

/**
 * Writes the hash key of a partition key to `out[at…at+3]`. Keys of at most 55 bytes of UTF-8 are hashed in JavaScript,
 * several times faster than by a call into OpenSSL, and ASCII keys without an allocation. Throws `invalidArgument` for a
 * key with half of a surrogate pair, which would hash like the character that replaces it in UTF-8.
 */
export function hashPartitionKey(partitionKey: string, out: Uint32Array, at: number): void {
  const isShort = partitionKey.length <= ONE_BLOCK_BYTES_MAX
  if (isShort && packAscii(partitionKey)) {
    md5Block(block, out, at)
    return
  }
  checkText('The partition key', partitionKey)
  if (isShort && packUtf8(partitionKey)) {
    md5Block(block, out, at)
    return
  }
  const digest = hash('md5', partitionKey, 'buffer')
  for (let i = 0; i < 4; i++) out[at + i] = readU32BigEndian(digest, i * 4)
}

/** Fills the block from ASCII text. Returns false, with the block partly filled, if a character is not ASCII. */
function packAscii(text: string): boolean {
  const length = text.length
  const whole = length & ~3
  let union = 0
  for (let i = 0; i < whole; i += 4) {
    const c0 = text.charCodeAt(i)
    const c1 = text.charCodeAt(i + 1)
    const c2 = text.charCodeAt(i + 2)
    const c3 = text.charCodeAt(i + 3)
    union |= c0 | c1 | c2 | c3
    block[i >> 2] = c0 | (c1 << 8) | (c2 << 16) | (c3 << 24)
  }
  let last = 0x80 << ((length & 3) * 8)
  for (let i = whole; i < length; i++) {
    const code = text.charCodeAt(i)
    union |= code
    last |= code << ((i & 3) * 8)
  }
  endBlock(length, last)
  return union < 0x80
}

/** Fills the block from any text. Returns false if its UTF-8 is too long for one block. */
function packUtf8(text: string): boolean {
  const { read, written } = encoder.encodeInto(text, encoded)
  if (read !== text.length) return false
  const whole = written & ~3
  for (let i = 0; i < whole; i += 4) block[i >> 2] = readU32(encoded, i)
  let last = 0x80 << ((written & 3) * 8)
  for (let i = whole; i < written; i++) last |= encoded[i]! << ((i & 3) * 8)
  endBlock(written, last)
  return true
}

/** Writes the word with the end mark, zeros, and the length in bits. */
function endBlock(length: number, last: number): void {
  const lastAt = length >> 2
  block[lastAt] = last
  for (let i = lastAt + 1; i < 16; i++) block[i] = 0
  block[14] = length * 8
}

/** Compares hash keys as unsigned 128-bit integers: −1, 0 or 1. */
export function compareHashKeys(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): number {
  for (let i = 0; i < 4; i++) {
    const left = a[aAt + i]!
    const right = b[bAt + i]!
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}

/** Reads 16 big-endian bytes. */
export function hashKeyFromBytes(bytes: Uint8Array, at = 0): HashKeyWords {
  const words = new Uint32Array(4)
  for (let i = 0; i < 4; i++) words[i] = readU32BigEndian(bytes, at + i * 4)
  return words
}

/** Returns a new array of 16 big-endian bytes. */
export function hashKeyToBytes(words: HashKeyWords): Uint8Array {
  const bytes = new Uint8Array(16)
  for (let i = 0; i < 4; i++) writeU32BigEndian(bytes, i * 4, words[i]!)
  return bytes
}

/** The hash key of a number, taken modulo 2^128. */
export function hashKeyFromBigInt(value: bigint): HashKeyWords {
  const words = new Uint32Array(4)
  for (let i = 0; i < 4; i++) words[i] = Number((value >> BigInt(96 - i * 32)) & 0xffff_ffffn)
  return words
}

export function hashKeyToBigInt(words: HashKeyWords): bigint {
  return words.reduce((value, word) => (value << 32n) | BigInt(word), 0n)
}

/**
 * Reads Kinesis' text form, a decimal number below 2^128 without leading zeros. Throws `invalidArgument`, which begins with
 * `name`, what the text was given as, where there is one.
 */
export function hashKeyFromDecimal(text: string, name?: string): HashKeyWords {
  const value = /^(?:0|[1-9]\d{0,38})$/.test(text) ? BigInt(text) : undefined
  if (value === undefined || value > HASH_KEY_MAX) {
    throw new MillraceError(
      'invalidArgument',
      `${name === undefined ? '' : `${name}: `}${JSON.stringify(text)} is not a hash key: write a whole decimal number from 0 to ${HASH_KEY_MAX}.`,
    )
  }
  return hashKeyFromBigInt(value)
}

export function hashKeyToDecimal(words: HashKeyWords): string {
  return hashKeyToBigInt(words).toString()
}

/** Reads a hash key of exactly 32 hex digits. Throws `invalidArgument`. */
export function hashKeyFromHex(text: string): HashKeyWords {
  if (!/^[0-9a-fA-F]{32}$/.test(text)) {
    throw new MillraceError('invalidArgument', `${JSON.stringify(text)} is not a hash key of 32 hex digits.`)
  }
  return Uint32Array.from([0, 8, 16, 24], (at) => parseInt(text.slice(at, at + 8), 16))
}

/** Writes a hash key as 32 lower-case hex digits. */
export function hashKeyToHex(words: HashKeyWords): string {
  return hashKeyToBigInt(words).toString(16).padStart(32, '0')
}
