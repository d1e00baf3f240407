// Codecs: what goes in comes out, and what does not fit says so.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  bytes,
  json,
  msgpack,
  resolveDecoder,
  resolveEncoder,
  schemaJson,
  text,
} from '../../client/codecs.ts'

const click = z.object({ user: z.string(), at: z.coerce.date() })

describe('codecs', () => {
  it('json and msgpack give back any value that both can hold', () => {
    // msgpack has no -0 beside 0, and JSON has none either. Its decoder renames __proto__, so that nobody sets a prototype.
    const values = fc
      .jsonValue({ stringUnit: 'grapheme' })
      .map((value) => JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'proto')) as unknown)
    fc.assert(
      fc.property(values, (value) => {
        expect(json<unknown>().decode(json<unknown>().encode(value))).toEqual(value)
        expect(msgpack<unknown>().decode(msgpack<unknown>().encode(value))).toEqual(value)
      }),
    )
  })

  it('msgpack results do not share memory with one another', () => {
    const codec = msgpack<number[]>()
    const first = Uint8Array.from(codec.encode([1, 2, 3]))
    codec.encode([4, 5, 6])
    expect(codec.decode(first)).toEqual([1, 2, 3])
  })

  it('text and bytes take strings as UTF-8; text refuses what is none', () => {
    expect(bytes.decode(bytes.encode('Straße'))).toEqual(new TextEncoder().encode('Straße'))
    expect(text.decode(text.encode('水'))).toBe('水')
    expect(() => text.decode(Uint8Array.of(0xff, 0xfe))).toThrow(/encoded data was not valid/)
    expect(() => bytes.encode(7 as never)).toThrow(/use a codec/)
  })

  it('json refuses a value without a JSON form', () => {
    expect(() => json<unknown>().encode(undefined)).toThrow(/no JSON form/)
  })

  it('a schema is checked on both sides, and transforms at the reader', () => {
    const codec = schemaJson(click)
    const sent = codec.encode({ user: 'ada', at: '2026-01-01T00:00:00Z' })
    expect(codec.decode(sent)).toEqual({ user: 'ada', at: new Date('2026-01-01T00:00:00Z') })
    expect(() => codec.encode({ user: 7, at: 'x' } as never)).toThrow(/user: .*; at: /)
    expect(() => codec.decode(new TextEncoder().encode('{"user":"ada"}'))).toThrow(/at: /)
  })

  it('a schema that validates asynchronously is refused: a codec answers at once', () => {
    const codec = schemaJson(z.string().refine(async () => true))
    expect(() => codec.encode('a')).toThrow(/async/i)
  })

  it('options choose: none is bytes, a schema is JSON, a codec is itself', () => {
    expect(resolveEncoder(undefined)).toBe(bytes)
    expect(resolveDecoder(undefined)).toBe(bytes)
    expect(resolveDecoder({ schema: click }).name).toBe('json checked by zod')
    expect(resolveEncoder(text)).toBe(text)
  })
})
