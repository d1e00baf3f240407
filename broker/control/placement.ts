// Where shards go: which owner stores a shard, and which host runs an owner. Runs in the controller; pure.
// A shard stays with its owner for life, because its records lie there; owners move between hosts freely.
import { invariant } from '../../protocol/invariant.ts'
import type { CatalogState } from './catalog-state.ts'

/** Hosts are numbered from 1: on the wire, 0 is the controller. */
export function hostIds(hosts: number): readonly number[] {
  return Array.from({ length: hosts }, (_, index) => index + 1)
}

/** The host that runs an owner: in turn, so that no host runs more than one owner more than another. */
export function hostOfOwner(ownerId: number, hosts: number): number {
  return 1 + (ownerId % hosts)
}

/** Owners to run: the configured ones, and any that shards lie in since a time when more were configured. */
export function ownersToRun(state: CatalogState, configured: number): readonly number[] {
  let count = configured
  for (const shards of state.shards.values()) {
    for (const { ownerId } of shards) count = Math.max(count, ownerId + 1)
  }
  return Array.from({ length: count }, (_, ownerId) => ownerId)
}

/** Open shards of each owner that takes new ones. */
export function ownerLoads(state: CatalogState, configured: number): ReadonlyMap<number, number> {
  const loads = new Map(Array.from({ length: configured }, (_, ownerId) => [ownerId, 0]))
  for (const shards of state.shards.values()) {
    for (const { ownerId, state: shardState } of shards) {
      const load = loads.get(ownerId)
      if (load !== undefined && shardState === 'OPEN') loads.set(ownerId, load + 1)
    }
  }
  return loads
}

/** An owner for each of `count` new shards: every time the one with the fewest, the lowest number among equals. */
export function placeShards(loads: ReadonlyMap<number, number>, count: number): readonly number[] {
  invariant(loads.size > 0, 'a shard needs an owner')
  const left = new Map([...loads].sort(([a], [b]) => a - b))
  return Array.from({ length: count }, () => {
    let least = -1
    for (const [ownerId, load] of left) {
      if (least < 0 || load < (left.get(least) ?? 0)) least = ownerId
    }
    left.set(least, (left.get(least) ?? 0) + 1)
    return least
  })
}
