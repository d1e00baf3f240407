// Hash keys against node:crypto and against arithmetic on big integers.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compareHashKeys,
  hashKeyFromBigInt,
  hashKeyFromBytes,
  hashKeyFromDecimal,
  hashKeyFromHex,
  hashKeyToBigInt,
  hashKeyToBytes,
  hashKeyToDecimal,
  hashKeyToHex,
  hashPartitionKey,
} from '../../../protocol/shards/hash-key.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { anyText, wellFormed } from '../arbitraries.ts'
import { refusalOf } from '../refusal.ts'

const MAX = (1n << 128n) - 1n
const hashKey = fc.bigInt({ min: 0n, max: MAX })

function hashed(key: string): string {
  const words = new Uint32Array(4)
  hashPartitionKey(key, words, 0)
  return hashKeyToHex(words)
}

function byOpenSsl(key: string): string {
  return createHash('md5').update(key, 'utf8').digest('hex')
}

describe('hashPartitionKey', () => {
  test('is MD5, on ASCII keys of every length from 0 to 300', () => {
    for (let length = 0; length <= 300; length++) {
      const key = Array.from({ length }, (_, i) => String.fromCharCode((i * 7 + length) % 128)).join('')
      expect(hashed(key)).toBe(byOpenSsl(key))
    }
  })

  test.each(['é', '漢', '😀'])(
    'is MD5 of the UTF-8, on keys made of %j of every length from 0 to 300',
    (unit) => {
      for (let length = 0; length <= 300; length++) {
        const key = unit.repeat(Math.ceil(length / unit.length))
        expect(hashed(key)).toBe(byOpenSsl(key))
      }
    },
  )

  test('is MD5 of the UTF-8, on any text', () => {
    fc.assert(
      fc.property(anyText({ maxLength: 300 }).map(wellFormed), (key) => {
        expect(hashed(key)).toBe(byOpenSsl(key))
      }),
      { numRuns: 1000 },
    )
  })

  test.each(['\ud83d', '\ude00', 'a\ud800'])(
    'refuses a key with half of a surrogate pair, %j, at every length',
    (unit) => {
      for (const key of [unit, unit.repeat(20), 'é'.repeat(54) + unit, 'x'.repeat(200) + unit]) {
        expect(refusalOf(() => hashed(key))).toMatchObject({
          code: 'invalidArgument',
          message: expect.stringContaining('half of a surrogate pair') as string,
        })
      }
    },
  )

  test('leaves nothing of one key for the next', () => {
    const keys = ['x'.repeat(55), 'é', '', 'y'.repeat(56), 'abc', '漢'.repeat(18), 'z']
    for (const key of [...keys, ...keys.toReversed()]) expect(hashed(key)).toBe(byOpenSsl(key))
  })

  test('writes four words at the place asked for, and no others', () => {
    const out = new Uint32Array(8)
    hashPartitionKey('abc', out, 2)
    expect(hashKeyToHex(out.slice(2, 6))).toBe('900150983cd24fb0d6963f7d28e17f72')
    expect([out[0], out[1], out[6], out[7]]).toEqual([0, 0, 0, 0])
  })
})

describe('hash key forms', () => {
  test('words, bytes, decimal and hex name the same number', () => {
    fc.assert(
      fc.property(hashKey, (value) => {
        const words = hashKeyFromBigInt(value)
        expect(hashKeyToBigInt(words)).toBe(value)
        expect(hashKeyFromBytes(hashKeyToBytes(words))).toEqual(words)
        expect(hashKeyToDecimal(words)).toBe(value.toString())
        expect(hashKeyFromDecimal(value.toString())).toEqual(words)
        expect(hashKeyToHex(words)).toBe(value.toString(16).padStart(32, '0'))
        expect(hashKeyFromHex(hashKeyToHex(words))).toEqual(words)
        expect(Buffer.from(hashKeyToBytes(words)).toString('hex')).toBe(hashKeyToHex(words))
      }),
    )
  })

  test('order is the order of the numbers', () => {
    const close = fc
      .tuple(hashKey, fc.bigInt({ min: 0n, max: 3n }))
      .map(([a, d]) => [a, a + d > MAX ? a : a + d])
    fc.assert(
      fc.property(fc.oneof(fc.tuple(hashKey, hashKey), close), ([a, b]) => {
        const order = compareHashKeys(hashKeyFromBigInt(a), 0, hashKeyFromBigInt(b), 0)
        expect(order).toBe(a < b ? -1 : a > b ? 1 : 0)
      }),
    )
  })

  test.each(['', '-1', '01', '1.0', '0x10', 'abc', ' 1', `${MAX + 1n}`, '9'.repeat(40)])(
    'decimal %j is refused',
    (text) => {
      expect(() => hashKeyFromDecimal(text)).toThrow(MillraceError)
    },
  )

  test.each(['', '0', 'g'.repeat(32), '0'.repeat(31), '0'.repeat(33)])('hex %j is refused', (text) => {
    expect(() => hashKeyFromHex(text)).toThrow(MillraceError)
  })

  test('the ends of the space', () => {
    expect(hashKeyToDecimal(hashKeyFromDecimal('0'))).toBe('0')
    expect(hashKeyToHex(hashKeyFromDecimal('340282366920938463463374607431768211455'))).toBe('f'.repeat(32))
  })
})
