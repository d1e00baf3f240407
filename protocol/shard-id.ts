// A shard's index as people see it, in Kinesis' form: shardId- and twelve digits. Runs anywhere, pure.
// Indexes rise with every shard that a stream gets and are never reused within the stream.
import { MillraceError } from './millrace-error.ts'

const SHARD_INDEX_MAX = 0x7fff_ffff

/** `shardIdOf(3)` is 'shardId-000000000003'. */
export function shardIdOf(index: number): string {
  return `shardId-${String(index).padStart(12, '0')}`
}

/** The index of a shard id. Takes Kinesis' abbreviations too: 'shard-3' and '3'. Throws `invalidArgument`. */
export function parseShardId(text: string): number {
  const digits = /^(?:shardId-|shard-)?(\d{1,12})$/.exec(text)?.[1]
  const index = Number(digits ?? Number.NaN)
  if (!(index <= SHARD_INDEX_MAX)) {
    throw new MillraceError(
      'invalidArgument',
      `${JSON.stringify(text)} is not a shard id: write shardId-000000000003, shard-3 or 3, up to ${SHARD_INDEX_MAX}.`,
    )
  }
  return index
}
