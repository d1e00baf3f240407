// The hand-written writer and reader against msgpackr, which knows all of the format.
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { unpack, unsupportedName } from '../../protocol/frame/msgpack-reader.ts'
import { pack, type Packable } from '../../protocol/frame/msgpack-writer.ts'
import { bytes, plain, uint } from './arbitraries.ts'
import { refusalOf } from './refusal.ts'

const msgpackr = new Packr({ useRecords: false, int64AsType: 'number' })

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    uint(Number.MAX_SAFE_INTEGER),
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.boolean(),
    fc.constant(null),
    bytes(0, 40),
    bytes(1000, 1300),
    fc.array(tie('value'), { maxLength: 40 }),
  ),
}))

function packed(of: Packable): Buffer {
  return Buffer.concat(pack(of, 0).chunks)
}

describe('msgpack', () => {
  test('what is packed, msgpackr reads, and it reads back here', () => {
    fc.assert(
      fc.property(value, (each) => {
        const payload = packed(each)
        expect(plain(msgpackr.unpack(payload))).toEqual(plain(each))
        expect(plain(unpack(payload))).toEqual(plain(each))
      }),
    )
  })

  test('what msgpackr packs reads the same here', () => {
    fc.assert(
      fc.property(fc.oneof(value, fc.double(), fc.integer(), fc.array(fc.integer())), (each) => {
        // It packs −0 as the whole number 0.
        const read = Object.is(each, -0) ? 0 : each
        expect(plain(unpack(msgpackr.pack(each)))).toEqual(plain(read))
      }),
      { examples: [[-0]] },
    )
  })

  test('lengths and numbers take their shortest form', () => {
    for (const length of [0, 12, 13, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      expect(packed('x'.repeat(length)).equals(msgpackr.pack('x'.repeat(length)))).toBe(true)
      expect(packed(new Uint8Array(length)).equals(msgpackr.pack(Buffer.alloc(length)))).toBe(true)
      expect(packed(Array(length).fill(0)).equals(msgpackr.pack(Array(length).fill(0)))).toBe(true)
      expect(packed(length).equals(msgpackr.pack(length))).toBe(true)
    }
    expect(packed(2 ** 53 - 1).toString('hex')).toBe('cf001fffffffffffff')
  })

  test('large byte fields are chunks of their own, not copies; small ones are copied', () => {
    const large = new Uint8Array(1024)
    const small = new Uint8Array(1023)
    const { chunks, byteLength } = pack([small, large, 1], 4)
    expect(chunks[1]).toBe(large)
    expect(chunks).toHaveLength(3)
    expect(byteLength).toBe(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
    small.fill(1)
    expect(unpack(Buffer.concat(chunks).subarray(4))).toEqual([Buffer.alloc(1023), Buffer.alloc(1024), 1])
  })

  test('chunks stay as they are when the next message is packed', () => {
    const first = pack(['one', 1], 0).chunks
    pack(['two', 2], 0)
    expect(unpack(Buffer.concat(first))).toEqual(['one', 1])
  })

  test('byte fields are views on the payload', () => {
    const payload = packed(new Uint8Array([1, 2, 3]))
    expect((unpack(payload) as Uint8Array).buffer).toBe(payload.buffer)
  })

  test('maps and extensions read as marks, whatever is in them', () => {
    const marks = unpack(msgpackr.pack([{ a: [1, { b: 2 }] }, new Map([[1, 2]]), new Date(), 7])) as object[]
    expect(marks.slice(0, 3).map((mark) => unsupportedName(mark))).toEqual([
      'a map',
      'a map',
      'a msgpack extension',
    ])
    expect(marks[3]).toBe(7)
    for (let size = 0; size < 5; size++) {
      const extension = [0xd4 + size, 0x72, ...Array<number>(2 ** size).fill(0)]
      expect(unsupportedName(unpack(Uint8Array.from(extension)) as object)).toBe('a msgpack extension')
    }
  })

  test('numbers of every form are read', () => {
    expect(unpack(Uint8Array.from([0x93, 0xff, 0xd0, 0x80, 0xd1, 0x80, 0x00]))).toEqual([-1, -128, -32_768])
    expect(unpack(Uint8Array.from([0xd2, 0x80, 0, 0, 0]))).toBe(-(2 ** 31))
    expect(unpack(Uint8Array.from([0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]))).toBe(-2)
    expect(unpack(Uint8Array.from([0xca, 0x3f, 0x80, 0, 0]))).toBe(1)
    expect(unpack(Uint8Array.from([0xcb, 0x80, ...Array<number>(7).fill(0)]))).toBe(-0)
    expect(Number.isSafeInteger(unpack(Uint8Array.from([0xcf, ...Array<number>(8).fill(0xff)])))).toBe(false)
  })

  test.each([
    ['an array bomb of five bytes', [0xdd, 0x01, 0x31, 0x2d, 0x00], /claims more values/],
    [
      'an array of more values than bytes',
      [0xdc, 0xff, 0xff, ...Array<number>(1000).fill(0xc0)],
      /claims more values/,
    ],
    ['nested claims that add up', [0x93, 0x93, 0xc0, 0xc0, 0xc0, 0xc0], /claims more values/],
    ['a map bomb', [0xdf, 0x7f, 0xff, 0xff, 0xff], /claims more values/],
    ['a bytes bomb', [0xc6, 0x7f, 0xff, 0xff, 0xff], /ends within a value/],
    ['a text bomb', [0xdb, 0x7f, 0xff, 0xff, 0xff], /ends within a value/],
    ['an extension bomb', [0xc9, 0x7f, 0xff, 0xff, 0xff, 1], /ends within a value/],
    ['a deep nest', [...Array<number>(100_000).fill(0x91), 0xc0], /nest deeper than 16/],
    ['a deep nest of maps', [...Array<number>(100_000).fill(0x81), 0xc0], /nest deeper than 16|claims more/],
    ['bytes after the value', [0xc0, 0xc0], /1 byte follows/],
    ['the tag that msgpack never uses', [0xc1], /0xc1/],
    ['text that is not UTF-8', [0xa2, 0xc3, 0x28], /not UTF-8/],
    ['half a number', [0xcd, 0x01], /ends within a value/],
    ['nothing', [], /ends within a value/],
  ])('%s is refused', (_, payload, message) => {
    const refusal = refusalOf(() => unpack(Uint8Array.from(payload)))
    expect(refusal.code).toBe('malformedFrame')
    expect(refusal.message).toMatch(message)
  })

  test('what has no msgpack form in this protocol is never packed', () => {
    for (const wrong of [-1, 1.5, Number.NaN, 2 ** 53, 1n, {}, () => {}, Symbol.iterator, new Date()]) {
      expect(() => pack([wrong], 0)).toThrow(/packed/)
    }
  })
})
