// Where a shard is to be split, from what people say to the hash keys at which its children begin. Runs in the client,
// pure: whether the shard is still open, and has that range, the broker decides.
import {
  hashKeyFromBigInt,
  hashKeyFromDecimal,
  hashKeyToBigInt,
  hashKeyToBytes,
  hashPartitionKey,
} from '../../protocol/shards/hash-key.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { canSplitAt, type HashKeyRange } from '../../protocol/shards/shard-map.ts'

/** One key, whose records are to have a shard of their own. */
export type IsolatedKey =
  | { readonly partitionKey: string }
  /** Decimal, as Kinesis writes it. */
  | { readonly hashKey: string | bigint }

/** The hash key of a key to be isolated. Throws `invalidArgument` for what is none. */
export function hashKeyOf(key: IsolatedKey): bigint {
  const { hashKey, partitionKey = '' } = key as { hashKey?: string | bigint; partitionKey?: string }
  if (hashKey !== undefined) return hashKeyToBigInt(hashKeyFromDecimal(String(hashKey), 'isolate.hashKey'))
  const words = new Uint32Array(4)
  hashPartitionKey(partitionKey, words, 0)
  return hashKeyToBigInt(words)
}

/**
 * Where children begin so that one of them holds this hash key alone: in the middle of the range there are three
 * children, at one of its ends two. Throws `invalidArgument` for a key outside the range, and for one that has the shard
 * to itself already.
 */
export function isolatingCuts(range: HashKeyRange, hashKey: bigint, shardId: string): Uint8Array[] {
  const start = hashKeyToBigInt(range.start)
  const end = hashKeyToBigInt(range.end)
  if (hashKey < start || hashKey > end) {
    throw new MillraceError(
      'invalidArgument',
      `The hash key ${hashKey} does not belong to ${shardId}, which holds those from ${start} to ${end}.`,
    )
  }
  const cuts = [hashKey, hashKey + 1n]
    .filter((cut) => cut <= end)
    .map(hashKeyFromBigInt)
    .filter((cut) => canSplitAt(range, cut))
  if (cuts.length === 0) {
    throw new MillraceError('invalidArgument', `The hash key ${hashKey} has ${shardId} to itself already.`)
  }
  return cuts.map(hashKeyToBytes)
}

/** A hash key as the wire takes it. Throws `invalidArgument`. */
export function cutAt(hashKey: string | bigint): Uint8Array {
  return hashKeyToBytes(hashKeyFromDecimal(String(hashKey), 'at'))
}
