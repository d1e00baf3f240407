// Writes a value as msgpack, in one walk that checks what it writes. Runs in the client.
// A written value comes back equal, types included. A value that msgpack has no form for is refused with its path, and nothing
// is written. Each field is read once, so that a getter cannot show one value to the check and another to the writer.
import { writeU32BigEndian } from '../../protocol/bytes.ts'
import { surrogateFault } from '../../protocol/text/text.ts'
import { noForm, refusalOf, refuseExtras } from './refusals.ts'
import { kindOf } from './value-kind.ts'
import { ValuePath } from './value-path.ts'

const INITIAL_BYTES = 4096
/** Most memory that an encoder keeps; memory of a larger value is freed. */
const KEPT_BYTES_MAX = 1024 * 1024

/** Longest text that a loop writes faster than a call does. */
const SHORT_TEXT_LENGTH_MAX = 31

const INT64_MIN = -(1n << 63n)
const INT64_MAX = (1n << 63n) - 1n
const UINT64_MAX = (1n << 64n) - 1n
const TWO_32 = 0x1_0000_0000

/** Reads the real length of bytes, even if the object has a property that says otherwise. */
const byteLengthOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  'byteLength',
)!.get! as (this: Uint8Array) => number

/** The tags of a length: below the limit it is in the tag itself, else in 8, 16 or 32 bits after it. 0 for a missing form. */
interface Lengths {
  readonly fixed: number
  readonly fixedLimit: number
  readonly bits8: number
  /** Tag of the 16-bit form; that of the 32-bit form is the next number. */
  readonly bits16: number
}

const TEXT: Lengths = { fixed: 0xa0, fixedLimit: 32, bits8: 0xd9, bits16: 0xda }
const BYTES: Lengths = { fixed: 0, fixedLimit: 0, bits8: 0xc4, bits16: 0xc5 }
const ARRAY: Lengths = { fixed: 0x90, fixedLimit: 16, bits8: 0, bits16: 0xdc }
const MAP: Lengths = { fixed: 0x80, fixedLimit: 16, bits8: 0, bits16: 0xde }

export class MsgpackEncoder {
  readonly #path = new ValuePath()
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  #view = new DataView(this.#buffer.buffer)
  #end = 0

  /** Returns the msgpack of a value, in memory of its own. Throws `codecFailed` with the path of a value without a form. */
  encode(value: unknown): Uint8Array {
    this.#end = 0
    try {
      this.#write(value)
      const bytes = Buffer.allocUnsafe(this.#end)
      this.#buffer.copy(bytes, 0, 0, this.#end)
      return bytes
    } catch (error) {
      throw refusalOf(this.#path, error)
    } finally {
      this.#path.reset()
      if (this.#buffer.length > KEPT_BYTES_MAX) this.#hold(Buffer.allocUnsafeSlow(INITIAL_BYTES))
    }
  }

  #write(value: unknown): void {
    if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'number') this.#number(value)
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2)
    else if (value === null) this.#byte(0xc0)
    else if (typeof value === 'object') this.#object(value)
    else if (typeof value === 'bigint') this.#bigint(value)
    else throw noForm(this.#path, value, 'msgpack')
  }

  #object(value: object): void {
    const kind = kindOf(value)
    if (kind === 'object') this.#map(value as Record<string, unknown>)
    else if (kind === 'array') this.#array(value as unknown[])
    else if (kind === 'bytes') this.#bytes(value as Uint8Array)
    else if (kind === 'date') this.#date(value as Date)
    else throw noForm(this.#path, value, 'msgpack')
  }

  #map(value: Record<string, unknown>): void {
    const path = this.#path
    const keys = Object.keys(value)
    path.enter(value)
    this.#lengths(MAP, keys.length)
    for (const key of keys) {
      path.step(key)
      this.#text(key)
      this.#write(value[key])
    }
    path.leave()
    refuseExtras(path, value, keys.length, 'msgpack')
  }

  #array(value: readonly unknown[]): void {
    const path = this.#path
    const { length } = value
    path.enter(value)
    this.#lengths(ARRAY, length)
    // A hole reads as undefined, and is refused like one.
    for (let i = 0; i < length; i++) {
      path.step(i)
      this.#write(value[i])
    }
    path.leave()
    refuseExtras(path, value, Object.keys(value).length, 'msgpack')
  }

  #bytes(value: Uint8Array): void {
    const length = byteLengthOf.call(value)
    this.#lengths(BYTES, length)
    this.#room(length)
    this.#buffer.set(value, this.#end)
    this.#end += length
  }

  /** Writes a date as the timestamp of msgpack's specification, in its shortest form. */
  #date(value: Date): void {
    const time = Date.prototype.getTime.call(value)
    if (Number.isNaN(time)) throw this.#path.refusal('is an invalid Date')
    if (Object.keys(value).length > 0) throw noForm(this.#path, value, 'msgpack')
    const seconds = Math.floor(time / 1000)
    const nanoseconds = (time - seconds * 1000) * 1_000_000
    this.#room(15)
    if (nanoseconds === 0 && seconds >= 0 && seconds < TWO_32) {
      this.#tags(0xd6, 0xff)
      this.#u32(seconds)
    } else if (seconds >= 0 && seconds < 4 * TWO_32) {
      this.#tags(0xd7, 0xff)
      this.#u32(nanoseconds * 4 + Math.floor(seconds / TWO_32))
      this.#u32(seconds >>> 0)
    } else {
      this.#tags(0xc7, 12)
      this.#byte(0xff)
      this.#u32(nanoseconds)
      this.#view.setBigInt64(this.#end, BigInt(seconds))
      this.#end += 8
    }
  }

  /** Writes whole numbers of up to 32 bits as integers, all others as float64, because 64-bit integers are read as bigints. */
  #number(value: number): void {
    if (value >>> 0 === value && !Object.is(value, -0)) this.#uint(value)
    else if ((value | 0) === value && value < 0) this.#negative(value)
    else {
      this.#room(9)
      this.#buffer[this.#end] = 0xcb
      this.#view.setFloat64(this.#end + 1, value)
      this.#end += 9
    }
  }

  #uint(value: number): void {
    this.#room(5)
    const buffer = this.#buffer
    if (value < 0x80) buffer[this.#end++] = value
    else if (value <= 0xff) this.#tags(0xcc, value)
    else if (value <= 0xffff) {
      this.#tags(0xcd, value >>> 8)
      buffer[this.#end++] = value
    } else {
      buffer[this.#end++] = 0xce
      this.#u32(value)
    }
  }

  #negative(value: number): void {
    this.#room(5)
    const buffer = this.#buffer
    if (value >= -0x20) buffer[this.#end++] = value
    else if (value >= -0x80) this.#tags(0xd0, value)
    else if (value >= -0x8000) {
      this.#tags(0xd1, value >>> 8)
      buffer[this.#end++] = value
    } else {
      buffer[this.#end++] = 0xd2
      this.#u32(value)
    }
  }

  #bigint(value: bigint): void {
    if (value < INT64_MIN || value > UINT64_MAX) {
      throw this.#path.refusal(
        'is a bigint of more than 64 bits, which msgpack has no form for: send its digits as text',
      )
    }
    this.#room(9)
    const isSigned = value <= INT64_MAX
    this.#buffer[this.#end] = isSigned ? 0xd3 : 0xcf
    if (isSigned) this.#view.setBigInt64(this.#end + 1, value)
    else this.#view.setBigUint64(this.#end + 1, value)
    this.#end += 9
  }

  #text(value: string): void {
    if (value.length <= SHORT_TEXT_LENGTH_MAX && this.#shortAscii(value)) return
    const length = Buffer.byteLength(value)
    // A text with as many bytes as units is ASCII.
    const fault = length === value.length ? undefined : surrogateFault(value)
    if (fault !== undefined) throw this.#path.refusal(fault)
    this.#lengths(TEXT, length)
    this.#room(length)
    this.#end += this.#buffer.write(value, this.#end, length, 'utf8')
  }

  /** Writes a short ASCII text; returns false, and writes nothing, if the text is not ASCII. */
  #shortAscii(value: string): boolean {
    const { length } = value
    this.#room(1 + length)
    const buffer = this.#buffer
    const from = this.#end + 1
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) return false
      buffer[from + i] = code
    }
    buffer[this.#end] = TEXT.fixed | length
    this.#end = from + length
    return true
  }

  #lengths({ fixed, fixedLimit, bits8, bits16 }: Lengths, length: number): void {
    this.#room(5)
    const buffer = this.#buffer
    if (length < fixedLimit) buffer[this.#end++] = fixed | length
    else if (length <= 0xff && bits8 !== 0) this.#tags(bits8, length)
    else if (length <= 0xffff) {
      this.#tags(bits16, length >>> 8)
      buffer[this.#end++] = length
    } else {
      buffer[this.#end++] = bits16 + 1
      this.#u32(length)
    }
  }

  #byte(byte: number): void {
    this.#room(1)
    this.#buffer[this.#end++] = byte
  }

  /** Writes two bytes, for which there is room. */
  #tags(first: number, second: number): void {
    this.#buffer[this.#end++] = first
    this.#buffer[this.#end++] = second
  }

  /** Writes four bytes, for which there is room. */
  #u32(value: number): void {
    writeU32BigEndian(this.#buffer, this.#end, value)
    this.#end += 4
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#end + bytes))
    this.#buffer.copy(larger, 0, 0, this.#end)
    this.#hold(larger)
  }

  #hold(buffer: Buffer<ArrayBuffer>): void {
    this.#buffer = buffer
    this.#view = new DataView(buffer.buffer)
  }
}
