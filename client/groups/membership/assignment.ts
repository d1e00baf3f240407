// Compares a new assignment with the shards that a member reads. Runs in the client, pure.
import type { WireLease } from '../../../protocol/operations.ts'

/** A shard that the member reads, or has just read. */
export interface HeldShard {
  readonly streamId: number
  readonly shardIndex: number
  readonly epoch: number
  /** True while the end of the shard is being stored. */
  readonly isEnding: boolean
}

export interface AssignmentChanges<S extends HeldShard> {
  /** Leases to begin. */
  readonly begin: readonly WireLease[]
  /** Shards to finish, checkpoint and release. */
  readonly revoke: readonly S[]
  /** Shards that the member no longer has: the results of running calls are dropped. */
  readonly lose: readonly S[]
}

export function shardKey({ streamId, shardIndex }: Pick<HeldShard, 'streamId' | 'shardIndex'>): string {
  return `${streamId}/${shardIndex}`
}

/**
 * Returns what to begin, revoke and lose. `finished` has the epoch in which the member last ended or released a shard: an
 * assignment that was made before the broker learned of it still lists the shard.
 */
export function changesOf<S extends HeldShard>(
  held: ReadonlyMap<string, S>,
  leases: readonly WireLease[],
  finished: ReadonlyMap<string, number>,
): AssignmentChanges<S> {
  const begin: WireLease[] = []
  const revoke: S[] = []
  const lose: S[] = []
  const listed = new Map(leases.map((lease) => [shardKey(lease), lease]))
  for (const [key, shard] of held) {
    const lease = listed.get(key)
    if (lease === undefined && shard.isEnding) continue
    if (lease?.epoch !== shard.epoch) lose.push(shard)
    else if (lease.isRevoked) revoke.push(shard)
  }
  for (const [key, lease] of listed) {
    if (held.get(key)?.epoch === lease.epoch) continue
    if (lease.epoch <= (finished.get(key) ?? -1)) continue
    begin.push(lease)
  }
  return { begin, revoke, lose }
}
