// Promises of the rows of a group: what was committed comes back, and what interrupted changes and earlier groups have left
// counts for nothing.
import { describe, expect, it } from 'vitest'
import type { SmallValueIn } from '../../../../../broker/catalog/small-families.ts'
import {
  isGarbage,
  leaseKey,
  memberKey,
  recoveredGroup,
  restored,
  type GroupRows,
} from '../../../../../broker/control/groups/machine/rows.ts'

const at = { now: 50, wall: 1_700_000_000_000 }
const from = { type: 'TRIM_HORIZON', timestamp: null } as const
const stream = { name: 's', streamId: 7, generation: 5, from, shardsBelow: 3 }
const group: SmallValueIn<'group'> = {
  isDeleted: false,
  createdAt: 1,
  isPaused: true,
  since: 3,
  counter: 9,
  streams: [stream],
}
const member = (memberId: string, number: number): GroupRows['members'][number] => ({
  family: 'member',
  key: memberKey('g', memberId),
  version: 1,
  value: { number, secretHash: 'h', leaseMs: 10_000, streams: [{ name: 's', from }], joinedAt: 2 },
})
const lease = (
  shardIndex: number,
  value: Partial<SmallValueIn<'lease'>> = {},
  place = { streamId: 7, generation: 5 },
): GroupRows['leases'][number] => ({
  family: 'lease',
  key: leaseKey('g', place, shardIndex),
  version: 1,
  value: { epoch: 6, owner: { memberId: 'a', number: 4 }, next: 11, checkpointedAt: 12, ...value },
})
const read = (rows: Partial<GroupRows>) =>
  restored('g', { group, members: [], leases: [], damagedLeases: [], ...rows }, at)!
const leasesIn = (state: ReturnType<typeof read>) => [...state.streams.get('s')!.leases.values()]

describe('a restored group', () => {
  it('is as it was stored, and each member has a full lease', () => {
    const state = read({ members: [member('a', 4)], leases: [lease(0)] })
    expect(state).toMatchObject({ name: 'g', createdAt: 1, isPaused: true, since: 3, counter: 9 })
    expect([...state.members.values()]).toMatchObject([
      { memberId: 'a', number: 4, renewedAt: 50, isSynced: false },
    ])
    expect(leasesIn(state)).toMatchObject([
      { shardIndex: 0, epoch: 6, owner: 'a', next: 11, checkpointedAt: 12 },
    ])
  })

  it('leaves shards to nobody whose owner was another membership, also one of the same name', () => {
    const state = read({
      members: [member('a', 8)],
      leases: [lease(0), lease(1, { owner: { memberId: 'b', number: 4 } })],
    })
    expect(leasesIn(state).map(({ owner, epoch }) => [owner, epoch])).toEqual([
      [undefined, 6],
      [undefined, 6],
    ])
  })

  it('knows nothing of members of an earlier group of its name', () => {
    expect([...read({ members: [member('a', 3), member('b', 4)] }).members.keys()]).toEqual(['b'])
  })

  it('knows nothing of leases of another generation, nor of shards that are not listed yet', () => {
    const stray = lease(1, {}, { streamId: 7, generation: 4 })
    const unlisted = lease(3)
    expect(
      leasesIn(read({ leases: [lease(0), stray, unlisted] })).map(({ shardIndex }) => shardIndex),
    ).toEqual([0])
  })

  it('gives no number again that an interrupted change has given', () => {
    expect(read({ leases: [lease(0, { epoch: 20 })] }).counter).toBe(20)
    expect(read({ members: [member('a', 21)] }).counter).toBe(21)
    expect(read({ leases: [lease(0, {}, { streamId: 7, generation: 22 })] }).counter).toBe(22)
    expect(read({ damagedLeases: [leaseKey('g', { streamId: 7, generation: 23 }, 0)] }).counter).toBe(23)
  })

  it('reads a shard again from where the group began whose row is damaged', () => {
    const state = read({ leases: [lease(0)], damagedLeases: [leaseKey('g', stream, 1)] })
    expect(leasesIn(state).map(({ next, owner }) => [next, owner])).toEqual([
      [11, undefined],
      [undefined, undefined],
    ])
  })

  it('is none where it was deleted, or never was', () => {
    expect(read({ group: { ...group, isDeleted: true } })).toBeUndefined()
    expect(
      restored('g', { group: undefined, members: [], leases: [], damagedLeases: [] }, at),
    ).toBeUndefined()
  })
})

describe('a group whose own row is damaged', () => {
  it('is made again from its leases, of the newest generation of each stream that exists', () => {
    const rows: GroupRows = {
      group: undefined,
      members: [],
      leases: [
        lease(0),
        lease(2),
        lease(5, {}, { streamId: 7, generation: 4 }),
        lease(0, {}, { streamId: 8, generation: 1 }),
      ],
      damagedLeases: [leaseKey('g', stream, 3)],
    }
    const nameOf = (streamId: number): string | undefined => (streamId === 7 ? 's' : undefined)
    const made = recoveredGroup('g', rows, { version: 100, at, nameOf })
    expect(made).toEqual({
      isDeleted: false,
      createdAt: at.wall,
      isPaused: false,
      since: 0,
      counter: 100,
      streams: [{ ...stream, shardsBelow: 4 }],
    })
  })
})

describe('a row', () => {
  it('is garbage unless the group as it is has what it says', () => {
    const state = read({ members: [member('a', 4)], leases: [lease(0)] })
    const isKept = (family: 'member' | 'lease', key: string): boolean =>
      !isGarbage('g', state, { family, key })
    expect(isKept('member', 'g/a')).toBe(true)
    expect(isKept('member', 'g/b')).toBe(false)
    expect(isKept('lease', 'g/7/5/0')).toBe(true)
    expect(isKept('lease', 'g/7/5/1')).toBe(false)
    expect(isKept('lease', 'g/7/4/0')).toBe(false)
    expect(isKept('lease', 'g/8/5/0')).toBe(false)
    expect(isKept('lease', 'g/x')).toBe(false)
    expect(isGarbage('g', undefined, { family: 'member', key: 'g/a' })).toBe(true)
  })

  it('is found by the name of its member, whatever characters are in it', () => {
    const state = read({ members: [member('a/b c', 4)] })
    expect([...state.members.keys()]).toEqual(['a/b c'])
  })
})
