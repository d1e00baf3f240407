// What a producer id is made of, held against figures that were worked out by hand: other clients compute the same.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { producerIdentityOf } from '../../protocol/producer-identity.ts'

describe('producerIdentityOf', () => {
  test('is the lowest 53 bits of the first and of the second eight bytes of the SHA-256, little-endian', () => {
    // sha256(16 zero bytes) = 374708fff7719dd5 979ec875d56cd228 …
    expect(producerIdentityOf(new Uint8Array(16))).toEqual({
      producerId: Number(0xd59d71f7ff084737n & (2n ** 53n - 1n)),
      tag: Number(0x28d26cd575c89e97n & (2n ** 53n - 1n)),
    })
  })

  test('any secret: both are whole numbers below 2^53, and say nothing but what the hash says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 64 }), (secret) => {
        const hash = createHash('sha256').update(secret).digest()
        const { producerId, tag } = producerIdentityOf(secret)
        expect(BigInt(producerId)).toBe(BigInt.asUintN(53, hash.readBigUInt64LE(0)))
        expect(BigInt(tag)).toBe(BigInt.asUintN(53, hash.readBigUInt64LE(8)))
      }),
    )
  })
})
