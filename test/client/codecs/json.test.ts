// JSON as a codec: a value that JSON.stringify would change silently is refused with its place.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { json } from '../../../client/codecs.ts'
import { anything, carry, foreignValues, refusalOf } from './faithful.ts'

const codec = json<unknown>()
const textOf = (value: unknown) => Buffer.from(codec.encode(value)).toString()

describe('json', () => {
  it('gives back any value with its types, or refuses it', () => {
    let carried = 0
    fc.assert(
      fc.property(anything({ withDate: false }), (value) => {
        if (carry(codec, value) === 'carried') carried++
      }),
      { numRuns: 1000 },
    )
    expect(carried).toBeGreaterThan(100)
  })

  it('writes what JSON.stringify writes, if that changes no value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noNegativeZero: true, stringUnit: 'binary' } as never), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value))
        expect(textOf(plain)).toBe(JSON.stringify(plain))
      }),
    )
    expect(textOf({ 'ü"\\\n': ['\u2028', '\ud83d', 1e21, 1e-7, -0] })).toBe(
      '{"ü\\"\\\\\\n":["\u2028","\\ud83d",1e+21,1e-7,-0]}',
    )
  })

  it('carries -0, half of a surrogate pair, numbers beyond 2^53, and names that every object inherits', () => {
    const odd: unknown = JSON.parse('{"__proto__":{"polluted":1},"constructor":2}')
    for (const value of [-0, '\ud83d', 2 ** 60, 1e308, odd, '\ufeffmark'])
      expect(carry(codec, value)).toBe('carried')
    expect((codec.decode(codec.encode(odd)) as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('refuses values that JSON has no form for, with the reason and the place', () => {
    for (const [name, value, reason] of foreignValues()) {
      expect([name, refusalOf(codec, value)]).toEqual([name, expect.stringMatching(reason)])
    }
    for (const value of [NaN, Infinity, -Infinity, 5n, Buffer.from('a'), new Uint8Array(1)]) {
      expect(refusalOf(codec, { items: [value] })).toMatch(/^data\.items\[0\] is .* JSON has no form for/)
    }
  })

  it("follows JSON.stringify's rule for toJSON: its result is sent in place of the value", () => {
    const at = new Date('2026-01-01T00:00:00Z')
    const price = new (class Price {
      toJSON = (key: string) => ({ of: key, cents: 5 })
    })()
    expect(textOf({ at, url: new URL('http://a/'), price, list: [price] })).toBe(
      JSON.stringify({ at, url: new URL('http://a/'), price, list: [price] }),
    )
    expect(refusalOf(codec, { a: { toJSON: () => undefined } })).toMatch(/data\.a is undefined/)
    expect(refusalOf(codec, { a: { toJSON: () => ({ b: NaN }) } })).toMatch(/data\.a\.b is NaN/)
    expect(refusalOf(codec, { a: { toJSON: () => { throw new Error('no') } } })).toBe('data.a cannot be read: no.') // prettier-ignore
  })

  it('fails for a payload that is not JSON, and skips a byte order mark before one', () => {
    expect(codec.decode(Buffer.from('\ufeff{"a":1}'))).toEqual({ a: 1 })
    for (const payload of ['', '{', '{"a":1}x', 'undefined', 'NaN']) {
      expect(() => codec.decode(Buffer.from(payload))).toThrow(
        expect.objectContaining({ code: 'codecFailed' }),
      )
    }
    expect(() => codec.decode(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(/not UTF-8/)
  })
})
