// What a new assignment means for the shards that a member reads. Runs in the client, pure.
import type { WireLease } from '../../../protocol/operations.ts'

/** A shard that the member reads, or has just read. */
export interface HeldShard {
  readonly streamId: number
  readonly shardIndex: number
  readonly epoch: number
  /** Its end is being stored. */
  readonly isEnding: boolean
}

export interface AssignmentChanges<S extends HeldShard> {
  /** To be read from now on. */
  readonly begin: readonly WireLease[]
  /** To be finished, checkpointed and released. */
  readonly revoke: readonly S[]
  /** The member's no more: what is under way counts for nothing. */
  readonly lose: readonly S[]
}

export function shardKey({ streamId, shardIndex }: Pick<HeldShard, 'streamId' | 'shardIndex'>): string {
  return `${streamId}/${shardIndex}`
}

/**
 * Compares what is held with what is assigned. `finished` tells the epoch in which the member ended or released a shard last:
 * an assignment that was made before the broker heard of it lists the shard still.
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
