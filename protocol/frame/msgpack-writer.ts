// Writes the part of msgpack that the protocol uses: nil, booleans, whole numbers, text, bytes and arrays.
// Runs anywhere. Bytes of 1 KiB or more are not copied: the result is a list of chunks for one vectored write, and the
// caller must not change those bytes until they are sent. `msgpack.test.ts` compares this writer with msgpackr.
import { isBytes, writeU32BigEndian } from '../bytes.ts'
import { invariant } from '../invariant.ts'

export type Packable = undefined | null | boolean | number | string | Uint8Array | readonly unknown[]

/** From this size on, a copy costs more than one more chunk in a vectored write. */
const CHUNK_OF_ITS_OWN_BYTES_MIN = 1024

const SCRATCH_BYTES_MIN = 16 * 1024
/** A scratch buffer that grew above this size for a large message is released afterwards. */
const SCRATCH_BYTES_KEPT_MAX = 256 * 1024

/** A value that is packed already, and is written as it is, into any number of messages. Its bytes must not change. */
export class Packed {
  readonly chunks: readonly Uint8Array[]

  /** Byte fields of `sharedBytesMin` or more are not copied; all that lies between them is. */
  constructor(value: Packable, sharedBytesMin = Infinity) {
    this.chunks = joined(pack(value, 0).chunks, sharedBytesMin)
  }
}

/** Joins neighbours that are shorter than `keptBytesMin`: one long chunk is written sooner than many short ones. */
function joined(chunks: readonly Uint8Array[], keptBytesMin: number): Uint8Array[] {
  const all: Uint8Array[] = []
  let short: Uint8Array[] = []
  const flush = (): void => {
    if (short.length > 0) all.push(short.length === 1 ? short[0]! : Buffer.concat(short))
    short = []
  }
  for (const chunk of chunks) {
    if (chunk.length < keptBytesMin) short.push(chunk)
    else {
      flush()
      all.push(chunk)
    }
  }
  flush()
  return all
}

/** The forms of a msgpack header: the length in the tag itself below a limit, or in the 8, 16 or 32 bits after it. */
interface Family {
  readonly fixed: number
  readonly fixedLimit: number
  /** Tag of the 8-bit form; 0 if there is none. */
  readonly bits8: number
  /** Tag of the 16-bit form; the tag of the 32-bit form is the next number. */
  readonly bits16: number
}

const UINT: Family = { fixed: 0x00, fixedLimit: 128, bits8: 0xcc, bits16: 0xcd }
const ARRAY: Family = { fixed: 0x90, fixedLimit: 16, bits8: 0, bits16: 0xdc }
const TEXT: Family = { fixed: 0xa0, fixedLimit: 32, bits8: 0xd9, bits16: 0xda }
const BYTES: Family = { fixed: 0, fixedLimit: 0, bits8: 0xc4, bits16: 0xc5 }

// Packing never yields, so one scratch buffer is enough per thread.
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN)
let end = 0
let cuts: { at: number; bytes: Uint8Array }[] = []

/**
 * Encodes a value as chunks, and returns them with their total length. The first chunk begins with `reserve` bytes that the
 * caller fills. Chunks of large byte fields are the caller's own memory; other chunks are pooled memory that nothing else
 * writes to, and must not be transferred to another thread.
 */
export function pack(value: Packable, reserve: number): { chunks: Uint8Array[]; byteLength: number } {
  end = 0
  cuts = []
  room(reserve)
  end += reserve
  write(value)
  const small = Buffer.allocUnsafe(end)
  scratch.copy(small, 0, 0, end)
  const chunks: Uint8Array[] = []
  let byteLength = end
  let from = 0
  for (const { at, bytes } of cuts) {
    chunks.push(small.subarray(from, at), bytes)
    byteLength += bytes.length
    from = at
  }
  if (from < end) chunks.push(from === 0 ? small : small.subarray(from))
  cuts = []
  if (scratch.length > SCRATCH_BYTES_KEPT_MAX) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN)
  return { chunks, byteLength }
}

function room(bytes: number): void {
  if (end + bytes <= scratch.length) return
  const larger = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, end + bytes))
  scratch.copy(larger, 0, 0, end)
  scratch = larger
}

function write(value: unknown): void {
  if (typeof value === 'number') writeUint(value)
  else if (typeof value === 'string') writeString(value)
  else if (value === undefined || value === null) writeByte(0xc0)
  else if (typeof value === 'boolean') writeByte(value ? 0xc3 : 0xc2)
  else if (isBytes(value)) writeBytes(value)
  else if (value instanceof Packed) {
    for (const chunk of value.chunks) writeRaw(chunk)
  } else {
    invariant(
      Array.isArray(value),
      'Only nil, booleans, whole numbers, text, bytes and arrays are ever packed.',
    )
    writeHeader(ARRAY, value.length)
    for (const item of value) write(item)
  }
}

function writeByte(byte: number): void {
  room(1)
  scratch[end++] = byte
}

/** Writes a length or a number in the shortest form of its family. */
function writeHeader({ fixed, fixedLimit, bits8, bits16 }: Family, length: number): void {
  room(5)
  if (length < fixedLimit) scratch[end++] = fixed | length
  else if (length <= 0xff && bits8 !== 0) {
    scratch[end++] = bits8
    scratch[end++] = length
  } else if (length <= 0xffff) {
    scratch[end++] = bits16
    scratch[end++] = length >>> 8
    scratch[end++] = length
  } else {
    scratch[end++] = bits16 + 1
    writeU32BigEndian(scratch, end, length)
    end += 4
  }
}

function writeUint(value: number): void {
  invariant(
    Number.isSafeInteger(value) && value >= 0,
    `Only whole numbers from 0 to 2^53−1 are packed, not ${value}.`,
  )
  if (value <= 0xffff_ffff) {
    writeHeader(UINT, value)
    return
  }
  room(9)
  scratch[end++] = 0xcf
  writeU32BigEndian(scratch, end, Math.floor(value / 0x1_0000_0000))
  writeU32BigEndian(scratch, end + 4, value >>> 0)
  end += 8
}

function writeString(value: string): void {
  if (value.length < TEXT.fixedLimit && writeShortAscii(value)) return
  const length = Buffer.byteLength(value)
  invariant(value.isWellFormed(), 'Only text that UTF-8 can carry is ever packed.')
  writeHeader(TEXT, length)
  room(length)
  end += scratch.write(value, end, length, 'utf8')
}

/** Writes the common case without a call out of JavaScript. Returns false, and writes nothing, if the text is not ASCII. */
function writeShortAscii(value: string): boolean {
  room(1 + value.length)
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code >= 0x80) return false
    scratch[end + 1 + i] = code
  }
  scratch[end] = TEXT.fixed | value.length
  end += 1 + value.length
  return true
}

function writeBytes(value: Uint8Array): void {
  writeHeader(BYTES, value.length)
  writeRaw(value)
}

function writeRaw(bytes: Uint8Array): void {
  if (bytes.length >= CHUNK_OF_ITS_OWN_BYTES_MIN) {
    cuts.push({ at: end, bytes })
    return
  }
  room(bytes.length)
  scratch.set(bytes, end)
  end += bytes.length
}
