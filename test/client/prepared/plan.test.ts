// Promises of plans: what is read back is what was written, what is none is refused, and the records of a plan go where they went.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evenRanges, hashKeyToHex } from '../../../protocol/index.ts'
import { producerIdentityOf } from '../../../protocol/producer-identity.ts'
import { Assignment, readPlan, type AppendPlan, type PlannedPart } from '../../../client/prepared/plan.ts'

const SECRET = Buffer.alloc(16, 7)

function partOf(overrides: Partial<PlannedPart> = {}): PlannedPart {
  const [range] = evenRanges(1)
  return {
    shardId: 'shardId-000000000003',
    hashKeys: [hashKeyToHex(range!.start), hashKeyToHex(range!.end)],
    secret: SECRET.toString('base64url'),
    firstSequence: 5,
    batches: [2, 1],
    stored: 1,
    from: 17,
    sentFrom: 1000,
    sentUntil: 2000,
    ...overrides,
  }
}

const planOf = (...parts: PlannedPart[]): AppendPlan => ({ version: 1, streamId: 4, parts })

describe('a plan', () => {
  it('is read as it was kept', () => {
    const plan = planOf(partOf(), partOf({ shardId: 'shardId-000000000000', batches: [], stored: 0 }))
    const { streamId, parts } = readPlan(JSON.parse(JSON.stringify(plan)))
    expect([streamId, parts.map(({ planned }) => planned)]).toEqual([4, plan.parts])
    expect([parts[0]!.shardIndex, parts[0]!.identity]).toEqual([
      3,
      { producerId: producerIdentityOf(SECRET).producerId, secret: SECRET },
    ])
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a text', 'plan'],
    ['another version', { ...planOf(), version: 2 }],
    ['no stream', { ...planOf(), streamId: 'clicks' }],
    ['no parts', { version: 1, streamId: 4 }],
    ['a part without a shard', planOf(partOf({ shardId: undefined as never }))],
    ['a shard that is none', planOf(partOf({ shardId: 'shard' }))],
    ['a range that is none', planOf(partOf({ hashKeys: ['0', 'f'] }))],
    ['an empty batch', planOf(partOf({ batches: [2, 0] }))],
    ['more stored batches than there are', planOf(partOf({ stored: 3 }))],
    ['a negative number', planOf(partOf({ firstSequence: -1 }))],
    ['half a number', planOf(partOf({ from: 1.5 }))],
    ['a short secret', planOf(partOf({ secret: 'aaaa' }))],
  ])('is refused by name where it is %s', (_, given) => {
    expect(() => readPlan(given)).toThrow(expect.objectContaining({ code: 'invalidArgument' }))
  })
})

describe('the assignment of records', () => {
  const keysOf = (words: readonly number[]) => Uint32Array.from(words.flatMap((word) => [word, 0, 0, 0]))
  const taken = (plan: AppendPlan, keys: Uint32Array) => {
    const assignment = new Assignment(readPlan(plan).parts)
    return Array.from({ length: keys.length / 4 }, (_, i) => assignment.take(keys, i * 4))
  }
  const [low, high] = evenRanges(2).map(({ start, end }) => [hashKeyToHex(start), hashKeyToHex(end)] as const)

  it('gives each to the first part of its hash key that is not full, and no part more than it has', () => {
    const plan = planOf(
      partOf({ hashKeys: low!, batches: [1], stored: 0 }),
      partOf({ hashKeys: high!, batches: [1, 1], stored: 0 }),
      partOf({ hashKeys: low!, batches: [1], stored: 0 }),
    )
    const keys = keysOf([0, 0xffff_ffff, 1, 2, 0x8000_0000, 0xffff_ffff])
    expect(taken(plan, keys)).toEqual([0, 1, 2, undefined, 1, undefined])
  })

  it('stays the same for the records before when a part is cut and what it lacks stands in parts behind', () => {
    const words = fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(words, fc.nat(), (all, cut) => {
        const keys = keysOf(all)
        const inLow = all.filter((word) => word < 0x8000_0000)
        const inHigh = all.length - inLow.length
        const left = cut % (inLow.length + 1)
        const [lower, upper] = evenRanges(4).map(
          ({ start, end }) => [hashKeyToHex(start), hashKeyToHex(end)] as const,
        )
        const rest = inLow.slice(left)
        const inLower = rest.filter((word) => word < 0x4000_0000).length
        const counted = (hashKeys: readonly [string, string], count: number) =>
          partOf({ hashKeys, batches: count === 0 ? [] : [count], stored: 0 })
        const before = planOf(counted(low!, inLow.length), counted(high!, inHigh))
        const after = planOf(
          counted(low!, left),
          counted(high!, inHigh),
          counted(lower!, inLower),
          counted(upper!, rest.length - inLower),
        )
        let seen = 0
        const expected = taken(before, keys).map((place, i) => {
          if (place === 1 || seen++ < left) return place
          return all[i]! < 0x4000_0000 ? 2 : 3
        })
        expect(taken(after, keys)).toEqual(expected)
      }),
    )
  })
})
