// msgpack as a codec: a value comes back equal, or is refused with its place.
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { msgpack } from '../../../client/codecs.ts'
import { anything, carry, foreignValues, refusalOf, units } from './faithful.ts'

const codec = msgpack<unknown>()
const bytesOf = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const hexOf = (value: unknown) => Buffer.from(codec.encode(value)).toString('hex')
/** Stands for the msgpack of other programs. */
const other = new Packr({ useRecords: false, moreTypes: false, int64AsType: 'bigint' })

function decodingFails(payload: Uint8Array): string {
  try {
    codec.decode(payload)
  } catch (error) {
    expect(error).toMatchObject({ code: 'codecFailed' })
    return (error as Error).message
  }
  return 'not refused'
}

describe('msgpack', () => {
  it('gives back any value with its types, or refuses it', () => {
    let carried = 0
    fc.assert(
      fc.property(anything({ withDate: true }), (value) => {
        if (carry(codec, value) === 'carried') carried++
      }),
      { numRuns: 1000 },
    )
    expect(carried).toBeGreaterThan(100)
  })

  it('carries plain values of every kind and size', () => {
    const integers = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 2 ** 53 + 2]
    const negatives = [-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53)]
    const others = [-0, 0.1, 1e308, 5e-324, NaN, Infinity, -Infinity]
    const bigints = [0n, 5n, -5n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)]
    const texts = ['', 'a', '水', '😀', '\ufeffmark', '\ufffd', '\0', 'ü'.repeat(40_000)]
    const lengths = [31, 32, 255, 256, 65_535, 65_536].map((length) => 'x'.repeat(length))
    const dates = [0, 1, -1, 2 ** 34 * 1000, 8.64e15, -8.64e15].map((time) => new Date(time))
    const binaries = [0, 1, 255, 256, 70_000].map((length) => new Uint8Array(length).fill(7))
    const arrays = [[], [[[]]], [null], Array.from({ length: 70_000 }, (_, i) => i)]
    const maps = [0, 1, 16, 70_000].map((length) =>
      Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, i])),
    )
    const scalars: unknown[] = [true, false, null, ...integers, ...negatives, ...others, ...bigints]
    const values = [...scalars, ...texts, ...lengths, ...dates, ...binaries, ...arrays, ...maps]
    for (const value of [...values, { all: values }]) expect(carry(codec, value)).toBe('carried')
  })

  it('writes what another msgpack reads, and reads what it writes', () => {
    const common = fc
      .jsonValue({ stringUnit: 'binary' })
      .map((value) => JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'p')) as unknown)
    fc.assert(
      fc.property(common, (value) => {
        expect(other.unpack(Buffer.from(codec.encode(value)))).toEqual(value)
        expect(codec.decode(other.pack(value))).toEqual(value)
      }),
    )
    const dates = [new Date(1_700_000_000_000), new Date(1_700_000_000_123), new Date(-5)]
    for (const date of dates) {
      expect(other.unpack(Buffer.from(codec.encode(date)))).toEqual(date)
      expect(codec.decode(other.pack(date))).toEqual(date)
    }
  })

  it('refuses values that msgpack has no form for, with the reason', () => {
    for (const [name, value, reason] of foreignValues()) {
      expect([name, refusalOf(codec, value)]).toEqual([name, expect.stringMatching(reason)])
    }
    expect(refusalOf(codec, 2n ** 64n)).toMatch(/more than 64 bits/)
    expect(refusalOf(codec, -(2n ** 63n) - 1n)).toMatch(/more than 64 bits/)
    expect(refusalOf(codec, new (class Day extends Date {})(0))).toMatch(/instance of Day/)
    expect(refusalOf(codec, Object.assign(new Date(0), { zone: 'UTC' }))).toMatch(/a Date/)
  })

  it('names the place of a refused value', () => {
    expect(refusalOf(codec, { items: [1, 2, 3, { when: new Date(NaN) }] })).toBe(
      'data.items[3].when is an invalid Date.',
    )
    expect(refusalOf(codec, { 'a b': { 7: undefined } })).toContain('data["a b"]["7"] is undefined')
    expect(refusalOf(codec, undefined)).toContain('data is undefined')
    expect(refusalOf(codec, { a: [{ b: 1 }], c: () => 1 })).toContain('data.c is a function')
  })

  it('refuses half of a surrogate pair in a text and in a key', () => {
    expect(refusalOf(codec, ['\ud83d'])).toMatch(
      /data\[0\] holds half of a surrogate pair, U\+D83D at index 0/,
    )
    expect(refusalOf(codec, { 'x\udc00': 1 })).toMatch(/half of a surrogate pair, U\+DC00 at index 1/)
    fc.assert(fc.property(units, (text) => void carry(codec, { [text]: text })))
  })

  it('keeps names that every object inherits as fields, and changes no prototype', () => {
    const value: unknown = JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"toString":3}',
    )
    expect(carry(codec, value)).toBe('carried')
    const back = codec.decode(codec.encode(value)) as Record<string, unknown>
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(back['polluted']).toBeUndefined()
  })

  it('reads a getter once, and refuses one that throws', () => {
    let reads = 0
    const value = { get at() { return reads++ === 0 ? 'first' : new Float32Array(9) } } // prettier-ignore
    expect(codec.decode(codec.encode(value))).toEqual({ at: 'first' })
    const broken = { list: [{ get at() { throw new Error('no clock') } }] } // prettier-ignore
    expect(refusalOf(codec, broken)).toBe('data.list[0].at cannot be read: no clock.')
  })

  it('works if a getter encodes with the same codec, and after a refusal', () => {
    const value = { a: 1, get inner() { return codec.encode({ b: [2] }) }, c: 3 } // prettier-ignore
    const back = codec.decode(codec.encode(value)) as { inner: Uint8Array }
    expect(back).toEqual({ a: 1, inner: Uint8Array.from(codec.encode({ b: [2] })), c: 3 })
    refusalOf(codec, { deep: [{ er: undefined }] })
    expect(refusalOf(codec, { a: undefined })).toContain('data.a is')
  })

  it('carries bytes unchanged if their object gives a wrong length', () => {
    const lying = Object.defineProperty(new Uint8Array([1, 2]), 'length', { value: 500 })
    expect(hexOf(lying)).toBe('c4020102')
  })

  it('takes a Buffer for bytes and an object without a prototype for a plain one', () => {
    expect(codec.decode(codec.encode(Buffer.from('ab')))).toStrictEqual(new Uint8Array([97, 98]))
    const bare = Object.assign(Object.create(null) as object, { a: 1 })
    expect(codec.decode(codec.encode(bare))).toStrictEqual({ a: 1 })
  })

  it('carries one object in two places, and refuses what nests too deep in both directions', () => {
    const shared = { a: 1 }
    expect(carry(codec, [shared, shared])).toBe('carried')
    let deep: unknown = 1
    for (let i = 0; i < 1000; i++) deep = [deep]
    expect(carry(codec, deep)).toBe('carried')
    expect(refusalOf(codec, [deep])).toMatch(/deeper than 1000 levels/)
    expect(decodingFails(Buffer.alloc(1_000_000, 0x91))).toMatch(/deeper than 1000 levels/)
  })

  it('gives results memory of their own', () => {
    const first = codec.encode([1, 2, 3])
    codec.encode([4, 5, 6])
    expect(codec.decode(first)).toEqual([1, 2, 3])
    const payload = Buffer.from(codec.encode({ raw: Uint8Array.of(1, 2) }))
    const { raw } = codec.decode(payload) as { raw: Uint8Array }
    payload.fill(0)
    expect([...raw]).toEqual([1, 2])
    expect(raw.buffer.byteLength).toBe(2)
  })
})

describe('msgpack.decode', () => {
  it('builds nothing from an extension that is not a timestamp', () => {
    // Those for which msgpackr has readers: structures, pointers, sets, errors, expressions, typed arrays, 0-size undefined.
    for (const type of ['00', '65', '69', '70', '72', '73', '74', '78', '42', '62', '7f', '80', 'fe']) {
      for (const hex of [`d4 ${type} 00`, `d6 ${type} 00000000`, `c7 01 ${type} 90`, `c7 00 ${type}`]) {
        expect([hex, decodingFails(bytesOf(hex))]).toEqual([
          hex,
          expect.stringMatching(/extension of type -?\d+ \(0x/),
        ])
      }
    }
    const inside = Buffer.concat([bytesOf('81 a1 61 92 01'), bytesOf('d4 72 40')])
    expect(decodingFails(inside)).toContain('data.a[1] is a msgpack extension of type 114 (0x72)')
    const moreTypes = new Packr({ moreTypes: true, useRecords: false })
    for (const value of [new Set([1]), /a/, new Error('x'), new Float32Array([1])]) {
      expect(decodingFails(moreTypes.pack(value))).toMatch(/extension/)
    }
  })

  it('reads timestamps of every size, and refuses those that no Date can hold', () => {
    expect(codec.decode(bytesOf('d6 ff 00000001'))).toEqual(new Date(1000))
    expect(codec.decode(bytesOf('d7 ff 04c4b400 00000001'))).toEqual(new Date(1020))
    expect(codec.decode(bytesOf('c7 0c ff 000f4240 ffffffffffffffff'))).toEqual(new Date(-999))
    // Finer than a Date: cut.
    expect(codec.decode(bytesOf('c7 0c ff 000f4241 0000000000000000'))).toEqual(new Date(1))
    expect(decodingFails(bytesOf('c7 0c ff 3b9aca00 0000000000000000'))).toMatch(/no Date can hold/)
    expect(decodingFails(bytesOf('c7 0c ff 00000000 7fffffffffffffff'))).toMatch(/no Date can hold/)
    expect(decodingFails(bytesOf('c7 05 ff 0000000000'))).toMatch(/timestamp of 5 bytes/)
  })

  it('reads what other languages write: 32-bit floats, 64-bit integers, keys that are whole numbers', () => {
    expect(codec.decode(bytesOf('ca 3fc00000'))).toBe(1.5)
    expect(codec.decode(bytesOf('cf 0000000000000005'))).toBe(5n)
    expect(codec.decode(bytesOf('d3 ffffffffffffffff'))).toBe(-1n)
    expect(codec.decode(bytesOf('82 01 a161 ff a162'))).toEqual({ 1: 'a', '-1': 'b' })
    expect(decodingFails(bytesOf('81 c0 01'))).toMatch(/neither a text nor a whole number/)
    expect(decodingFails(bytesOf('82 01 a161 a131 a162'))).toMatch(/there twice/)
    expect(decodingFails(bytesOf('82 a9 5f5f70726f746f5f5f 01 a9 5f5f70726f746f5f5f 02'))).toMatch(
      /there twice/,
    )
  })

  it('fails for a payload that is cut, is too long, or is not msgpack', () => {
    const whole = codec.encode({
      a: [1, 'text', new Uint8Array(3), 2 ** 40, 7n, new Date(5)],
      b: 'x'.repeat(300),
    })
    for (let length = 0; length < whole.length; length++) {
      expect(decodingFails(whole.subarray(0, length))).toMatch(/not msgpack/)
    }
    expect(decodingFails(Buffer.concat([whole, Buffer.of(0xc0)]))).toMatch(/1 byte follows/)
    expect(decodingFails(Buffer.of(0xc1))).toMatch(/no msgpack tag/)
    expect(decodingFails(bytesOf('92 a2 c328 01'))).toMatch(/data\[0\] is a text that is not UTF-8/)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (payload) => {
        try {
          codec.decode(payload)
        } catch (error) {
          expect(error).toMatchObject({ code: 'codecFailed' })
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('allocates nothing for a length that the payload cannot hold', () => {
    for (const hex of [
      'dd ffffffff',
      'df ffffffff',
      'dd 7fffffff 00',
      'c6 ffffffff',
      'db ffffffff',
      'c9 ffffffff ff',
    ]) {
      expect([hex, decodingFails(bytesOf(hex))]).toEqual([hex, expect.stringMatching(/not msgpack/)])
    }
    // Nested: each announces all that is left, which is there only once.
    const nested = Buffer.concat(Array.from({ length: 900 }, () => bytesOf('dd 00100000')))
    expect(decodingFails(Buffer.concat([nested, Buffer.alloc(1_100_000)]))).toMatch(
      /more values than it has bytes/,
    )
  })
})
