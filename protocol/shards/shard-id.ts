// Shard ids: the text form of shard indexes, as in Kinesis: shardId- and twelve digits. Runs anywhere, pure.
// Indexes rise with every shard that a stream gets and are never reused within the stream.
import { limits } from '../limits.ts'
import { MillraceError } from '../millrace-error.ts'

/** `shardIdOf(3)` is 'shardId-000000000003'. */
export function shardIdOf(index: number): string {
  return `shardId-${String(index).padStart(12, '0')}`
}

/** The index of a shard id. Takes Kinesis' abbreviations too: 'shard-3' and '3'. Throws `invalidArgument`. */
export function parseShardId(text: string): number {
  const digits = /^(?:shardId-|shard-)?(\d{1,12})$/.exec(text)?.[1]
  const index = Number(digits ?? Number.NaN)
  if (!(index <= limits.shardIndexMax)) {
    throw new MillraceError(
      'invalidArgument',
      `${JSON.stringify(text)} is not a shard id: write shardId-000000000003, shard-3 or 3, up to ${limits.shardIndexMax}.`,
    )
  }
  return index
}
