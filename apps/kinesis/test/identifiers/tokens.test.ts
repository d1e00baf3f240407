// Shard iterators and page tokens: what they carry, and that nobody else can make one.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openPageToken, sealPageToken } from '../../src/identifiers/page-token.ts'
import { Seal } from '../../src/identifiers/seal.ts'
import {
  openShardIterator,
  sealShardIterator,
  type IteratorPosition,
  type ShardIterator,
} from '../../src/identifiers/shard-iterator.ts'

const key = Buffer.alloc(32, 7)
const seal = new Seal(key)

const position: fc.Arbitrary<IteratorPosition> = fc.oneof(
  fc.record({ at: fc.constant('sequenceNumber' as const), sequenceNumber: fc.maxSafeNat() }),
  fc.record({ at: fc.constant('time' as const), timeMs: fc.nat() }),
  fc.constant({ at: 'horizon' as const }),
)
const iterator: fc.Arbitrary<ShardIterator> = fc.record({
  createdAtMs: fc.nat(2 ** 47),
  streamName: fc.stringMatching(/^[a-zA-Z0-9_.-]{1,128}$/),
  streamId: fc.nat(2 ** 47),
  shardIndex: fc.nat(2 ** 31 - 1),
  position,
})

const golden: ShardIterator = {
  createdAtMs: 1_767_323_045_678,
  streamName: 'clicks',
  streamId: 5,
  shardIndex: 3,
  position: { at: 'sequenceNumber', sequenceNumber: 42 },
}

describe('shard iterators', () => {
  it("give back what they carry, and have the length of the service's", () => {
    fc.assert(
      fc.property(iterator, (given) => {
        const text = sealShardIterator(seal, given)
        expect(openShardIterator(seal, text)).toEqual(given)
        expect(openShardIterator(seal, `"${text}"`)).toEqual(given)
        const bytes = Buffer.from(text, 'base64')
        expect(bytes).toHaveLength(152 + Math.floor((given.streamName.length + 2) / 16) * 16)
        expect(bytes.subarray(0, 8).toString('hex')).toBe('0000000000000001')
        expect(text.length).toBeLessThanOrEqual(512)
      }),
    )
  })

  it('are refused if one bit is changed', () => {
    const bytes = Buffer.from(sealShardIterator(seal, golden), 'base64')
    const taken = []
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      if (openShardIterator(seal, changed.toString('base64')) !== undefined) taken.push(bit)
    }
    expect(taken).toEqual([])
  })

  it('are refused if they are garbage, cut, longer, written otherwise, or of another key or purpose', () => {
    const text = sealShardIterator(seal, golden)
    const others = [
      '',
      '"',
      '""',
      'garbage',
      text.slice(4),
      text.slice(0, -4),
      `${text}AAAA`,
      `${text}\n`,
      text.replaceAll('/', '_'),
      'A'.repeat(512),
      'A'.repeat(1_000_000),
    ].filter((other) => other !== text)
    expect(others.filter((other) => openShardIterator(seal, other) !== undefined)).toEqual([])
    expect(openShardIterator(new Seal(Buffer.alloc(32, 8)), text)).toBeUndefined()
    expect(openPageToken(seal, text, golden.createdAtMs)).toBeUndefined()
    fc.assert(
      fc.property(
        fc.base64String({ maxLength: 512 }),
        (garbage) => openShardIterator(seal, garbage) === undefined,
      ),
    )
  })

  it('stay readable: their bytes are frozen', () => {
    expect(sealShardIterator(seal, golden)).toBe(
      'AAAAAAAAAAGn6aciFVCCMQhCC+eNmF5uzH/P4rwCGhm5mjTV9e8/WS5zf/UkSUlENd5j3fAxH0q49S47DKD0FBKOsOMU/nPtYCSN0v1yL7oRkpt1gY17' +
        '7v9m2un2Pg9lseFSe139Ujq2Nh3ghXXuePunROmG7HVozL6g6fpryb17FuDubTnlXNfhMoMSKt4hervffECWCPI=',
    )
  })
})

describe('page tokens', () => {
  it('give back what they carry for five minutes', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.integer({ min: 0, max: 300_000 }), (json, now, ageMs) => {
        const content: unknown = JSON.parse(json)
        const token = sealPageToken(seal, content, now)
        expect(openPageToken(seal, token, now + ageMs)).toEqual({
          expired: false,
          content: JSON.parse(JSON.stringify(content)) as unknown,
        })
        expect(openPageToken(seal, token, now + 300_001)).toEqual({ expired: true, createdAtMs: now })
      }),
    )
  })

  it('are refused if they are garbage or of another key', () => {
    const token = sealPageToken(seal, { from: 'a' }, 1)
    expect(openPageToken(seal, `A${token.slice(1)}`, 1)).toBeUndefined()
    expect(openPageToken(new Seal(Buffer.alloc(32)), token, 1)).toBeUndefined()
    expect(openPageToken(seal, 'garbage', 1)).toBeUndefined()
    expect(openPageToken(seal, '', 1)).toBeUndefined()
  })
})

describe('a seal', () => {
  it('needs a whole key', () => {
    expect(() => new Seal(Buffer.alloc(16))).toThrow('32 bytes')
  })
})
