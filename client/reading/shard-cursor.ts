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

/**
 * Whether a shard may be read: its parents are drained, or no longer there to be read. So one key's records come in the
 * order in which they were stored, across splits and merges.
 */
export function isReadable(
  shard: { readonly parents: readonly number[] },
  progress: { readonly present: (index: number) => boolean; readonly drained: ReadonlySet<number> },
): boolean {
  return shard.parents.every((parent) => progress.drained.has(parent) || !progress.present(parent))
}
