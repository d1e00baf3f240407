// The cache of hash keys answers what hashing answers, whatever it has seen before.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HashKeyCache } from '../../../../client/producer/batches/hash-key-cache.ts'
import { hashPartitionKey } from '../../../../protocol/shards/hash-key.ts'

function hashed(key: string): number[] {
  const words = new Uint32Array(4)
  hashPartitionKey(key, words, 0)
  return [...words]
}

function found(cache: HashKeyCache, key: string): number[] {
  const at = cache.find(key)
  return [...cache.words.subarray(at, at + 4)]
}

describe('HashKeyCache', () => {
  it('answers what hashing answers, for keys new and old', () => {
    const cache = new HashKeyCache()
    const keys = fc.array(
      fc.oneof(
        fc.constantFrom('ada', 'bob', '\u6c34'),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }),
      ),
    )
    fc.assert(
      fc.property(keys, (sequence) => {
        for (const key of sequence) expect(found(cache, key)).toEqual(hashed(key))
      }),
    )
    // Half of a surrogate pair would hash as what replaces it in UTF-8: it is refused every time, and that character is not.
    for (const key of ['\ud83d', '\ud83d-and-more-text', '\ud83d'.repeat(200)]) {
      for (let round = 0; round < 2; round++) {
        expect(() => cache.find(key)).toThrow(/The partition key .* half of a surrogate pair/)
      }
    }
    expect(found(cache, '\ufffd-and-more-text')).toEqual(hashed('\ufffd-and-more-text'))
  })

  it('goes on answering when it overflows, and when it rests because no key comes back', () => {
    const cache = new HashKeyCache()
    for (let i = 0; i < 50_000; i++) {
      const key = `user ${i}`
      if (i % 97 === 0) expect(found(cache, key)).toEqual(hashed(key))
      else cache.find(key)
      if (i % 1009 === 0) expect(found(cache, 'ada')).toEqual(hashed('ada'))
    }
  })
})
