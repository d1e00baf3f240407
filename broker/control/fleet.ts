// What the rest of the controller sees of the shard hosts, whatever supervises them. Runs in the controller.
import type { HostCalls } from '../host-contract.ts'
import type { ChildPhase } from '../supervision/supervised-child.ts'
import { ownersOf, type CatalogState } from './catalog-state.ts'

export interface HostStatus {
  readonly hostId: number
  readonly state: ChildPhase
  readonly pid: number | undefined
  /** Where it listens, or did before it went down; undefined while that was never known. 0 in process. */
  readonly port: number | undefined
  readonly restarts: number
  /** Why it is not ready; of one that is ready, what is wrong with it nevertheless. */
  readonly reason: string | undefined
}

export interface HostFleet {
  readonly hosts: readonly HostStatus[]
  host(hostId: number): HostStatus
  /** The host that runs an owner. */
  hostOf(ownerId: number): HostStatus
  /** Throws `unavailable`, with the reason, where the host is not ready. */
  requireReady(hostId: number): void
  /** Asks a host that is ready; rejects with `unavailable`, and the reason, where it is not. */
  call<C extends keyof HostCalls>(
    hostId: number,
    call: C,
    request: HostCalls[C]['request'],
  ): Promise<HostCalls[C]['reply']>
  /** Fulfils when the host is ready; rejects when the fleet is stopped. */
  whenReady(hostId: number): Promise<void>
}

/** Shards by the hosts that run their owners. */
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

/** Hosts of all shards of a stream. */
export function hostsOf(fleet: HostFleet, state: CatalogState, streamId: number): readonly number[] {
  const hosts = Array.from(ownersOf(state, streamId), (ownerId) => fleet.hostOf(ownerId).hostId)
  return [...new Set(hosts)]
}
