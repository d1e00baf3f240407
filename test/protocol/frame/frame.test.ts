// Frames are read whole from a byte stream, wherever it is cut, and a claimed length alone allocates no buffer.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeFrame, FrameReader } from '../../../protocol/frame/frame.ts'
import { limits } from '../../../protocol/limits.ts'
import { unpack } from '../../../protocol/frame/msgpack-reader.ts'
import { refusalOf } from '../refusal.ts'

function frameOf(payload: Uint8Array): Buffer {
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32LE(payload.length)
  return Buffer.concat([prefix, payload])
}

/** Cuts bytes at places given as fractions of their length. Every piece is a copy, as from a socket. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [0, ...places.map((place) => Math.floor(place * bytes.length)), bytes.length].toSorted(
    (a, b) => a - b,
  )
  return ends.slice(1).map((end, i) => Buffer.from(bytes.subarray(ends[i], end)))
}

const fraction = fc.double({ min: 0, max: 1, noNaN: true })

describe('FrameReader', () => {
  test('frames come out whole, wherever the stream is cut', () => {
    const payload = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 40_000 }).map((length) => new Uint8Array(length).map((_, i) => i * 31)),
    )
    fc.assert(
      fc.property(
        fc.array(payload, { maxLength: 6 }),
        fc.array(fraction, { maxLength: 12 }),
        (payloads, places) => {
          const reader = new FrameReader({ frameBytesMax: 40_000 })
          const read = cut(Buffer.concat(payloads.map(frameOf)), places).flatMap((chunk) =>
            reader.push(chunk),
          )
          expect(read.map((each) => Buffer.from(each).toString('hex'))).toEqual(
            payloads.map((each) => Buffer.from(each).toString('hex')),
          )
          expect(reader.pendingBytes).toBe(0)
        },
      ),
    )
  })

  test('a frame that comes byte by byte is put together', () => {
    const payload = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i & 0xff))
    const reader = new FrameReader({ frameBytesMax: 10_000 })
    const read = [...frameOf(payload)].flatMap((byte) => reader.push(Uint8Array.of(byte)))
    expect(read).toHaveLength(1)
    expect(payload.equals(read[0]!)).toBe(true)
  })

  test('pendingBytes tells that a frame is half here', () => {
    const reader = new FrameReader({ frameBytesMax: 100 })
    const frame = frameOf(new Uint8Array(10))
    expect(reader.pendingBytes).toBe(0)
    reader.push(frame.subarray(0, 2))
    expect(reader.pendingBytes).toBe(2)
    reader.push(frame.subarray(2, 9))
    expect(reader.pendingBytes).toBe(9)
    expect(reader.push(frame.subarray(9))).toHaveLength(1)
    expect(reader.pendingBytes).toBe(0)
  })

  test('a payload within one chunk is a view; one that straddles owns memory of exactly its size', () => {
    const reader = new FrameReader({ frameBytesMax: 100_000 })
    const chunk = frameOf(new Uint8Array(50))
    const [inside] = reader.push(chunk)
    expect(inside!.buffer).toBe(chunk.buffer)

    const large = frameOf(new Uint8Array(100_000).fill(9))
    const first = Buffer.from(large.subarray(0, 60_000))
    reader.push(first)
    const [straddling] = reader.push(Buffer.from(large.subarray(60_000)))
    expect(straddling!.buffer.byteLength).toBe(100_000)
    first.fill(0)
    expect(straddling!.every((byte) => byte === 9)).toBe(true)
  })

  test('a length above the limit is refused before anything is buffered for it', () => {
    const reader = new FrameReader({ frameBytesMax: 64 })
    expect(() => reader.push(frameOf(new Uint8Array(65)).subarray(0, 4))).toThrow(/65 bytes .* limit is 64/)
    expect(() => reader.push(Uint8Array.of(1))).toThrow(/65 bytes/)
  })

  test('the limit can be raised once the peer has said hello', () => {
    const reader = new FrameReader({ frameBytesMax: 64 })
    reader.push(frameOf(new Uint8Array(64)))
    reader.frameBytesMax = 65
    expect(reader.push(frameOf(new Uint8Array(65)))).toHaveLength(1)
  })

  test.each([
    ['a plain HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'frameTooLarge'],
    ['a TLS client hello', Buffer.from('160301020001000102030405', 'hex'), 'frameTooLarge'],
    ['a length of 0', Buffer.alloc(4), 'malformedFrame'],
  ] as const)('%s is refused at once, even after hello', (_, bytes, code) => {
    const reader = new FrameReader({ frameBytesMax: limits.frameBytesMax })
    expect(refusalOf(() => reader.push(bytes)).code).toBe(code)
  })
})

describe('encodeFrame', () => {
  test('the prefix is the length of the payload, little-endian', () => {
    const frame = Buffer.concat(encodeFrame([1, 'a', new Uint8Array(5000)]))
    expect(frame.readUInt32LE(0)).toBe(frame.length - 4)
    expect(unpack(frame.subarray(4))).toEqual([1, 'a', Buffer.alloc(5000)])
  })

  test('a message above the limit is refused where it is made', () => {
    expect(() => encodeFrame([new Uint8Array(limits.frameBytesMax)])).toThrow(
      /a frame holds at most 16777216/,
    )
  })
})
