// The shard hosts as the rest of the controller sees them. Runs in the controller.
import type { HostCalls } from '../../host-contract.ts'
import type { ChildPhase } from '../../supervision/supervised-child.ts'
import { ownersOf, type CatalogState } from '../catalog-state.ts'

export interface HostStatus {
  readonly hostId: number
  readonly state: ChildPhase
  readonly pid: number | undefined
  /** Port of the host, or its last port before it went down; undefined until it was ready once. 0 in process. */
  readonly port: number | undefined
  readonly restarts: number
  /** Owners of the host that do not run, because they have no shards and the disk has no room for their files. */
  readonly absentOwners: readonly number[]
  /** Why the host is not ready; for a ready host, what is wrong with it. */
  readonly reason: string | undefined
}

export interface HostFleet {
  readonly hosts: readonly HostStatus[]
  host(hostId: number): HostStatus
  /** The host that runs an owner. */
  hostOf(ownerId: number): HostStatus
  /** Throws `unavailable`, with the reason, if the host is not ready. */
  requireReady(hostId: number): void
  /** Calls a ready host; rejects with `unavailable`, and the reason, if it is not ready. */
  call<C extends keyof HostCalls>(
    hostId: number,
    call: C,
    request: HostCalls[C]['request'],
  ): Promise<HostCalls[C]['reply']>
  /** Lets ready hosts try again to start their absent owners; fulfils when they have. Never rejects. */
  startAbsentOwners(): Promise<void>
  /** Fulfils when the host is ready; rejects when the fleet is stopped. */
  whenReady(hostId: number): Promise<void>
}

/** Returns the owners, of the configured ones, that take new shards: not those that their hosts had to leave out. */
export function ownersThatTake(fleet: HostFleet, configured: number): readonly number[] {
  return Array.from({ length: configured }, (_, ownerId) => ownerId).filter(
    (ownerId) => !fleet.hostOf(ownerId).absentOwners.includes(ownerId),
  )
}

/** Groups shards by the host that runs their owner. */
export function byHost<T extends { readonly ownerId: number }>(
  fleet: HostFleet,
  shards: readonly T[],
): ReadonlyMap<number, readonly T[]> {
  const grouped = new Map<number, T[]>()
  for (const shard of shards) {
    const { hostId } = fleet.hostOf(shard.ownerId)
    const there = grouped.get(hostId)
    if (there === undefined) grouped.set(hostId, [shard])
    else there.push(shard)
  }
  return grouped
}

/** Returns the ids of all hosts that have shards of the stream, planned ones included. */
export function hostsOf(fleet: HostFleet, state: CatalogState, streamId: number): readonly number[] {
  const hosts = Array.from(ownersOf(state, streamId), (ownerId) => fleet.hostOf(ownerId).hostId)
  return [...new Set(hosts)]
}
