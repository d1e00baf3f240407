// Placement of shards, for any load and any number of owners and hosts.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { emptyCatalog, readCatalog, type CatalogState } from '../../../../broker/catalog/state.ts'
import {
  hostIds,
  hostOfOwner,
  ownerLoads,
  ownersToRun,
  placeChildren,
  placeShards,
} from '../../../../broker/control/hosts/placement.ts'
import { fail } from '../../../support/fail.ts'
import {
  brokerRow,
  from,
  reshardRow,
  retiredRow,
  shardRow,
  streamRow,
  upTo,
} from '../../../support/catalog-rows.ts'

/** A shard of owner 1 is being split into a shard of owner 2 and one of owner 4, beside a shard of owner 0. */
function splitting(step: 'sealing' | 'opening'): CatalogState {
  const lower = { startingHashKey: from('0'), endingHashKey: upTo('7') }
  const upper = { startingHashKey: from('8'), endingHashKey: upTo('f') }
  const children = [
    { shardIndex: 1, slot: 2, ownerId: 2, ...lower },
    { shardIndex: 2, slot: 3, ownerId: 4, ...upper },
  ]
  const born = children.map(({ shardIndex, ...child }) => shardRow(1, shardIndex, { ...child, parents: [0] }))
  const isOpened = step === 'opening'
  return readCatalog([
    brokerRow(),
    streamRow(1),
    shardRow(1, 0, { ownerId: 1, state: isOpened ? 'CLOSED' : 'OPEN' }),
    ...(isOpened ? born : []),
    streamRow(2),
    shardRow(2, 0, { slot: 9, ownerId: 0 }),
    reshardRow(1, { step, moves: [{ parents: [0], children }] }),
  ])
}

describe('ownerLoads', () => {
  it.each(['sealing', 'opening'] as const)(
    'counts shards as they will be when a change at %s is done',
    (step) => {
      const loads = ownerLoads(splitting(step), [0, 1, 2], fail)
      // Owner 4 is not configured any more: it takes no new shards.
      expect([...loads]).toEqual([
        [0, 1],
        [1, 0],
        [2, 1],
      ])
    },
  )
})

describe('placeChildren', () => {
  const family = fc.record({
    parentOwnerIds: fc.array(fc.nat(5), { minLength: 1, maxLength: 2 }),
    children: fc.integer({ min: 1, max: 3 }),
  })

  it('gives every child an owner, and one child of a split another owner than its parent', () => {
    const counts = fc.array(fc.nat(9), { minLength: 2, maxLength: 6 })
    fc.assert(
      fc.property(counts, fc.array(family, { maxLength: 9 }), (before, families) => {
        const loads = new Map(before.map((count, ownerId) => [ownerId, count]))
        const placed = placeChildren(loads, families)
        expect(placed.map((ownerIds) => ownerIds.length)).toEqual(families.map(({ children }) => children))
        expect(placed.flat().every((ownerId) => loads.has(ownerId))).toBe(true)
        for (const [place, { parentOwnerIds, children }] of families.entries()) {
          const home = parentOwnerIds[0]!
          if (children > 1) expect(placed[place]!.some((ownerId) => ownerId !== home)).toBe(true)
        }
      }),
    )
  })

  it('chooses by load: an owner with far fewer shards gets all children but one', () => {
    const loads = new Map([
      [0, 0],
      [1, 9],
      [2, 8],
    ])
    const split = { parentOwnerIds: [0], children: 3 }
    expect(placeChildren(loads, [split])).toEqual([[0, 0, 2]])
    expect(placeChildren(loads, [{ ...split, parentOwnerIds: [1] }])).toEqual([[0, 0, 0]])
    expect(placeChildren(new Map([[0, 0]]), [split])).toEqual([[0, 0, 0]])
  })
})

describe('placeShards', () => {
  const loads = fc
    .array(fc.nat(50), { minLength: 1, maxLength: 16 })
    .map((counts) => new Map(counts.map((count, ownerId) => [ownerId, count])))

  it('gives every shard an owner that has no more shards than any other at that moment', () => {
    fc.assert(
      fc.property(loads, fc.nat(200), (before, count) => {
        const placed = placeShards(before, count)
        expect(placed).toHaveLength(count)
        const left = new Map(before)
        for (const ownerId of placed) {
          expect(left.get(ownerId)).toBe(Math.min(...left.values()))
          left.set(ownerId, left.get(ownerId)! + 1)
        }
      }),
    )
  })

  it('spreads the shards of one stream evenly over empty owners', () => {
    const placed = placeShards(new Map([0, 1, 2].map((ownerId) => [ownerId, 0])), 7)
    expect(placed).toEqual([0, 1, 2, 0, 1, 2, 0])
  })

  it('returns the same owners whatever the order of the loads', () => {
    fc.assert(
      fc.property(loads, fc.nat(50), (before, count) => {
        expect(placeShards(new Map([...before].toReversed()), count)).toEqual(placeShards(before, count))
      }),
    )
  })
})

describe('hostOfOwner', () => {
  it('gives every owner a host, and no host more than one owner more than another', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.nat(192), (hosts, extra) => {
        const counts = new Map(hostIds(hosts).map((hostId) => [hostId, 0]))
        for (let ownerId = 0; ownerId < hosts + extra; ownerId++) {
          const hostId = hostOfOwner(ownerId, hosts)
          counts.set(hostId, counts.get(hostId)! + 1)
        }
        const values = [...counts.values()]
        expect(counts.size).toBe(hosts)
        expect(Math.max(...values) - Math.min(...values)).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('numbers hosts from 1: on the wire 0 is the controller', () => {
    expect(hostIds(3)).toEqual([1, 2, 3])
  })
})

describe('ownersToRun', () => {
  it('runs the owners configured where nothing is stored yet', () => {
    expect(ownersToRun(emptyCatalog, 3)).toEqual([0, 1, 2])
  })

  it('runs the owner that has yet to forget a shard', () => {
    expect(ownersToRun(readCatalog([brokerRow(), retiredRow(7, { ownerId: 2 })]), 1)).toEqual([0, 1, 2])
  })

  it('runs the owner of every shard, those that are only planned included', () => {
    expect(ownersToRun(splitting('sealing'), 1)).toEqual([0, 1, 2, 3, 4])
    expect(ownersToRun(splitting('opening'), 1)).toEqual([0, 1, 2, 3, 4])
  })
})
