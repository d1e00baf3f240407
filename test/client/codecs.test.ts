// Codecs: a value comes back equal, or is refused.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  bytes,
  encodePayload,
  resolveDecoder,
  resolveEncoder,
  schemaJson,
  text,
} from '../../client/codecs.ts'
import { carry, refusalOf, units } from './codecs/faithful.ts'

const click = z.object({ user: z.string(), at: z.coerce.date() })

describe('codecs', () => {
  it('text: gives back any text, its byte order mark too, or refuses it', () => {
    fc.assert(
      fc.property(
        fc.oneof(units, fc.string({ unit: 'binary' })),
        (value) => void carry(text as never, value),
      ),
    )
    for (const value of ['\ufeffhello', '\ufeff', '\ufeff\ufeff', '', '水', 'a\ufeffb', '\0']) {
      expect(carry(text as never, value)).toBe('carried')
    }
    expect(refusalOf(text, 'a\ud83d')).toMatch(/data holds half of a surrogate pair, U\+D83D at index 1/)
    for (const value of [7, undefined, null, Buffer.from('a'), ['a']]) {
      expect(refusalOf(text, value)).toMatch(/not a string/)
    }
    expect(() => text.decode(Uint8Array.of(0xff, 0xfe))).toThrow(
      expect.objectContaining({ code: 'codecFailed', message: 'The payload is not UTF-8.' }),
    )
  })

  it('bytes: takes bytes and whole text, and refuses other values', () => {
    expect(bytes.decode(bytes.encode('\ufeffStraße'))).toEqual(new TextEncoder().encode('\ufeffStraße'))
    expect(refusalOf(bytes, '\udc00')).toMatch(/half of a surrogate pair/)
    for (const value of [
      7,
      undefined,
      new Float32Array(2),
      new ArrayBuffer(2),
      [1],
      new DataView(new ArrayBuffer(1)),
    ]) {
      expect(refusalOf(bytes, value)).toMatch(/use a codec/)
    }
  })

  it('a codec that returns anything but bytes fails with codecFailed', () => {
    const broken = { name: 'mine', encode: () => 'text' as never, decode: () => 1 }
    expect(() => encodePayload(broken, { partitionKey: 'ada', data: 1 as never })).toThrow(
      /The record with partition key "ada" does not go through the codec mine: encode gave text, not bytes/,
    )
  })

  it('a schema is checked on both sides, and transforms at the reader', () => {
    const codec = schemaJson(click)
    const sent = codec.encode({ user: 'ada', at: '2026-01-01T00:00:00Z' })
    expect(codec.decode(sent)).toEqual({ user: 'ada', at: new Date('2026-01-01T00:00:00Z') })
    expect(() => codec.encode({ user: 7, at: 'x' } as never)).toThrow(/user: .*; at: /)
    expect(() => codec.decode(new TextEncoder().encode('{"user":"ada"}'))).toThrow(/at: /)
  })

  it('a schema that validates asynchronously is refused, because codecs are synchronous', () => {
    const codec = schemaJson(z.string().refine(async () => true))
    expect(() => codec.encode('a')).toThrow(/async/i)
  })

  it('the option: without it bytes are used, a schema means JSON, a codec is used as it is', () => {
    expect(resolveEncoder(undefined)).toBe(bytes)
    expect(resolveDecoder(undefined)).toBe(bytes)
    expect(resolveDecoder({ schema: click }).name).toBe('json checked by zod')
    expect(resolveEncoder(text)).toBe(text)
  })
})
