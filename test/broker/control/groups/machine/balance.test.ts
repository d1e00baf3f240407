// Promises of the balance: shards go where there is least, few of them move, and none without need.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  balance,
  type BalanceMember,
  type BalanceOptions,
  type BalanceShard,
} from '../../../../../broker/control/groups/machine/balance.ts'

const bounds: BalanceOptions = { assignmentsMax: 1_000, handOversMax: 1_000 }
const member = (memberId: string, ...streams: string[]): BalanceMember => ({
  memberId,
  streams: new Set(streams.length > 0 ? streams : ['s']),
})
const shard = (shardIndex: number, more: Partial<BalanceShard> = {}): BalanceShard => ({
  stream: 's',
  shardIndex,
  weight: 100,
  owner: undefined,
  isRevoked: false,
  isMovable: true,
  movingTo: undefined,
  ...more,
})
const shards = (count: number, more: Partial<BalanceShard> = {}, from = 0): BalanceShard[] =>
  Array.from({ length: count }, (_, place) => shard(from + place, more))

/** Carries a plan out, hand-overs too, until nothing is planned any more; returns the shards and how many moved. */
function settled(
  members: readonly BalanceMember[],
  from: readonly BalanceShard[],
  options = bounds,
): { readonly shards: readonly BalanceShard[]; readonly moved: number } {
  let now = from
  let moved = 0
  for (let round = 0; round < 10_000; round++) {
    const plan = balance(members, now, options)
    if (plan.assignments.length === 0 && plan.revocations.length === 0) return { shards: now, moved }
    moved += plan.revocations.length
    const owners = new Map(plan.assignments.map((assignment) => [assignment.shard, assignment.memberId]))
    now = now.map((one) => {
      const move = plan.revocations.find((each) => each.shard === one)
      if (move !== undefined) return { ...one, owner: undefined, movingTo: move.to }
      return owners.has(one) ? { ...one, owner: owners.get(one), movingTo: undefined } : one
    })
  }
  throw new Error('the balance does not come to rest')
}

function counts(all: readonly BalanceShard[]): Record<string, number> {
  const found: Record<string, number> = {}
  for (const { owner = 'nobody' } of all) found[owner] = (found[owner] ?? 0) + 1
  return found
}

describe('balance', () => {
  it('gives unowned shards to the member with the least load, the first by name where loads are equal', () => {
    const { assignments } = balance([member('b'), member('a')], shards(3), bounds)
    expect(assignments.map(({ shard: { shardIndex }, memberId }) => [shardIndex, memberId])).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'a'],
    ])
  })

  it('gives nothing to members that do not read the stream', () => {
    const plan = balance([member('a', 't')], shards(3), bounds)
    expect(plan).toEqual({ assignments: [], revocations: [], hasMore: false })
  })

  it('assigns as many shards as it may, and says that there are more', () => {
    const plan = balance([member('a')], shards(3), { ...bounds, assignmentsMax: 2 })
    expect([plan.assignments.length, plan.hasMore]).toEqual([2, true])
    expect(balance([member('a')], shards(2), { ...bounds, assignmentsMax: 2 }).hasMore).toBe(false)
  })

  it('moves the fewest idle shards to a member that joins: the numbers differ by one at most', () => {
    const { shards: after, moved } = settled([member('a'), member('b')], shards(10, { owner: 'a' }))
    expect(counts(after)).toEqual({ a: 5, b: 5 })
    expect(moved).toBe(5)
    const third = settled([member('a'), member('b'), member('c')], after)
    expect(Object.values(counts(third.shards)).toSorted((x, y) => x - y)).toEqual([3, 3, 4])
    expect(third.moved).toBe(3)
  })

  it('lets no more shards be on their way than it may', () => {
    const options = { ...bounds, handOversMax: 3 }
    expect(balance([member('a'), member('b')], shards(10, { owner: 'a' }), options).revocations).toHaveLength(
      3,
    )
    const under = [...shards(2, { owner: 'a', isRevoked: true }), ...shards(8, { owner: 'a' }, 2)]
    expect(balance([member('a'), member('b')], under, options).revocations).toHaveLength(1)
  })

  it('counts shards on their way as arrived', () => {
    const under = [...shards(5, { owner: 'a', isRevoked: true }), ...shards(5, { owner: 'a' }, 5)]
    expect(balance([member('a'), member('b')], under, bounds).revocations).toEqual([])
  })

  it('leaves shards alone that were moved lately', () => {
    expect(
      balance([member('a'), member('b')], shards(10, { owner: 'a', isMovable: false }), bounds).revocations,
    ).toEqual([])
  })

  it('leaves loads alone that are less than a tenth apart, and evens out what is more', () => {
    const members = [member('a'), member('b')]
    const near = [...shards(105, { owner: 'a', weight: 10 }), ...shards(100, { owner: 'b', weight: 10 }, 105)]
    expect(
      balance(members, [...near.slice(1), shard(0, { owner: 'a', weight: 11 })], bounds).revocations,
    ).toEqual([])
    const far = [...shards(150, { owner: 'a', weight: 10 }), ...shards(100, { owner: 'b', weight: 11 }, 150)]
    expect(settled(members, far).moved).toBe(14)
  })

  it('does not move a shard that is the load itself, nor idle ones from beside it', () => {
    const members = [member('a'), member('b')]
    const busy = shard(0, { owner: 'a', weight: 100_000 })
    const idle = [...shards(10, { owner: 'a' }, 1), ...shards(20, { owner: 'b' }, 11)]
    expect(balance(members, [busy, ...idle], bounds).revocations).toEqual([])
  })

  it('comes to rest from anywhere, where nobody is far above anybody that could take a shard', () => {
    const anyShards = fc.array(
      fc.record({
        weight: fc.oneof(fc.constant(100), fc.integer({ min: 100, max: 5_000 })),
        stream: fc.constantFrom('s', 't'),
        owner: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { nil: undefined }),
      }),
      { maxLength: 60 },
    )
    const streamsOf: Record<string, string[]> = { a: ['s', 't'], b: ['s', 't'], c: ['s'], d: ['t'] }
    const members = Object.entries(streamsOf).map(([id, streams]) => member(id, ...streams))
    fc.assert(
      fc.property(anyShards, (made) => {
        const from = made.map(({ owner, ...one }, shardIndex) => {
          const isEligible = owner !== undefined && streamsOf[owner]!.includes(one.stream)
          return shard(shardIndex, { ...one, owner: isEligible ? owner : undefined })
        })
        const { shards: after } = settled(members, from)
        for (const { owner, stream } of after) expect(streamsOf[owner!]).toContain(stream)
        const loadOf = (id: string): number =>
          after.filter(({ owner }) => owner === id).reduce((sum, { weight }) => sum + weight, 0)
        for (const { owner, stream, weight } of after) {
          for (const [other, streams] of Object.entries(streamsOf)) {
            if (other === owner || !streams.includes(stream)) continue
            const apart = loadOf(owner!) - loadOf(other)
            const mean = (loadOf(owner!) + loadOf(other)) / 2
            // Either the two are near each other, or this shard would not bring them nearer, or it is too little to count.
            expect(apart <= 0.1 * mean || apart <= weight || weight < 0.05 * mean).toBe(true)
          }
        }
      }),
    )
  })

  it('is the same for members and shards in any order', () => {
    const members = [member('a'), member('b'), member('c')]
    const all = [
      ...shards(9, { owner: 'a' }),
      ...shards(4, {}, 9),
      ...shards(2, { owner: 'b', isRevoked: true }, 13),
    ]
    const plan = balance(members, all, bounds)
    const turned = balance(members.toReversed(), all.toReversed(), bounds)
    expect(turned.assignments).toEqual(plan.assignments)
    expect(turned.revocations).toEqual(plan.revocations)
  })
})
