// Where shards go, for any load and any number of owners and hosts.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { emptyCatalog } from '../../broker/control/catalog-state.ts'
import { hostIds, hostOfOwner, ownersToRun, placeShards } from '../../broker/control/placement.ts'

describe('placeShards', () => {
  const loads = fc
    .array(fc.nat(50), { minLength: 1, maxLength: 16 })
    .map((counts) => new Map(counts.map((count, ownerId) => [ownerId, count])))

  it('gives every shard an owner, and never one that had more than another at that moment', () => {
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

  it('spreads the shards of one stream over empty owners evenly', () => {
    const placed = placeShards(new Map([0, 1, 2].map((ownerId) => [ownerId, 0])), 7)
    expect(placed).toEqual([0, 1, 2, 0, 1, 2, 0])
  })

  it('gives the same answer whatever the order of the owners', () => {
    fc.assert(
      fc.property(loads, fc.nat(50), (before, count) => {
        expect(placeShards(new Map([...before].toReversed()), count)).toEqual(placeShards(before, count))
      }),
    )
  })
})

describe('hostOfOwner', () => {
  it('gives every owner one of the hosts, and no host more than one owner more than another', () => {
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
})
