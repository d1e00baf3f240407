// Where a reading stands in one shard, and which shards may be read when. Runs in the client, pure.
import { shardIdOf } from '../../protocol/shard-id.ts'

export class ShardCursor {
  readonly shardIndex: number
  readonly shardId: string
  /** The first number that has not arrived: where to go on, whatever happens to the connection. */
  next: number
  /** Where to stop, not included; Infinity to follow. */
  readonly until: number
  /** Bytes that have arrived and are not taken. */
  bufferedBytes = 0
  /** Losses in a row, with nothing heard in between. */
  failures = 0
  /** Age of the newest record that has not arrived, as the broker said last. */
  millisBehindLatest: number | undefined

  constructor(shardIndex: number, range: { next: number; until: number }) {
    this.shardIndex = shardIndex
    this.shardId = shardIdOf(shardIndex)
    this.next = range.next
    this.until = range.until
  }

  get isDone(): boolean {
    return this.next >= this.until
  }
}

interface ShardWithParents {
  readonly index: number
  readonly parents: readonly number[]
}

/**
 * Shards that may be read now: those not begun whose parents are all drained, or no longer there to be read. So one key's
 * records come in the order in which they were stored, across splits and merges.
 */
export function readableShards<S extends ShardWithParents>(
  shards: readonly S[],
  progress: { readonly begun: ReadonlySet<number>; readonly drained: ReadonlySet<number> },
): S[] {
  const present = new Set(shards.map((shard) => shard.index))
  const isOver = (parent: number) => progress.drained.has(parent) || !present.has(parent)
  return shards.filter((shard) => !progress.begun.has(shard.index) && shard.parents.every(isOver))
}
