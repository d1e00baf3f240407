// Which owner stores a shard, and which host runs an owner. Runs in the controller; pure.
// A shard stays with one owner for ever, because its records lie in the owner's segments; owners move between hosts freely.
import { invariant } from '../../../protocol/invariant.ts'
import type { Fail } from '../../../protocol/refusal.ts'
import type { CatalogState } from '../catalog-state.ts'

/** Hosts are numbered from 1: on the wire, 0 is the controller. */
export function hostIds(hosts: number): readonly number[] {
  return Array.from({ length: hosts }, (_, index) => index + 1)
}

/** Returns the host that runs an owner: in turn, so that the numbers of owners of two hosts differ by one at most. */
export function hostOfOwner(ownerId: number, hosts: number): number {
  return 1 + (ownerId % hosts)
}

/** Returns the owners to run: the configured ones, and owners with shards from a time when more were configured. */
export function ownersToRun({ ownerLoads: loads }: CatalogState, configured: number): readonly number[] {
  const count = Math.max(configured, (loads.lastKey() ?? -1) + 1)
  return Array.from({ length: count }, (_, ownerId) => ownerId)
}

/**
 * Returns the number of open shards of each of these owners, as it will be when the changes under way are done. Refuses with
 * `storageFull` where there is none: an owner takes no shard only while the disk has no room for its files.
 */
export function ownerLoads(
  { ownerLoads: loads }: CatalogState,
  owners: readonly number[],
  fail: Fail<'storageFull'>,
): ReadonlyMap<number, number> {
  if (owners.length === 0)
    fail('storageFull', 'No owner takes a shard: the disk has no room for their files.')
  return new Map(
    owners.map((ownerId) => {
      const { open = 0, coming = 0 } = loads.get(ownerId) ?? {}
      return [ownerId, open + coming]
    }),
  )
}

/** Chooses an owner for each of `count` new shards: the one with the fewest shards, the lowest number among equals. */
export function placeShards(loads: ReadonlyMap<number, number>, count: number): readonly number[] {
  const left = inOrder(loads)
  return Array.from({ length: count }, () => takeLeast(left))
}

/** The number of children to place, and the owners of their parents. */
export interface Family {
  readonly parentOwnerIds: readonly number[]
  readonly children: number
}

/**
 * Chooses owners for the children of each family, by load like any new shard. At least one child of a split leaves the
 * parent's owner, if there is another owner: most shards are split because their load is too much for one owner.
 */
export function placeChildren(
  loads: ReadonlyMap<number, number>,
  families: readonly Family[],
): readonly (readonly number[])[] {
  const left = inOrder(loads)
  return families.map(({ parentOwnerIds, children }) => {
    const ownerIds = Array.from({ length: children }, () => takeLeast(left))
    const [home] = parentOwnerIds
    if (children > 1 && left.size > 1 && ownerIds.every((ownerId) => ownerId === home)) {
      left.set(home!, left.get(home!)! - 1)
      ownerIds[children - 1] = takeLeast(left, home)
    }
    return ownerIds
  })
}

function inOrder(loads: ReadonlyMap<number, number>): Map<number, number> {
  invariant(loads.size > 0, 'a shard needs an owner')
  return new Map([...loads].sort(([a], [b]) => a - b))
}

/** Returns the owner with the fewest shards, and counts one more for it. */
function takeLeast(left: Map<number, number>, except?: number): number {
  let least = -1
  for (const [ownerId, load] of left) {
    if (ownerId !== except && (least < 0 || load < left.get(least)!)) least = ownerId
  }
  left.set(least, left.get(least)! + 1)
  return least
}
