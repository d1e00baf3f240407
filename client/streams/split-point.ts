// Turns the options of a split into the hash keys at which the children begin. Runs in the client, pure. The broker checks that
// the shard is still open and has that range.
import {
  hashKeyFromBigInt,
  hashKeyFromDecimal,
  hashKeyToBigInt,
  hashKeyToBytes,
  hashPartitionKey,
} from '../../protocol/shards/hash-key.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { canSplitAt, type HashKeyRange } from '../../protocol/shards/shard-map.ts'

/** One key whose records get a shard of their own. */
export type IsolatedKey =
  | { readonly partitionKey: string }
  /** Decimal, in Kinesis' form. */
  | { readonly hashKey: string | bigint }

/** Returns the hash key of a key to be isolated. Throws `invalidArgument` for an invalid hash key. */
export function hashKeyOf(key: IsolatedKey): bigint {
  const { hashKey, partitionKey = '' } = key as { hashKey?: string | bigint; partitionKey?: string }
  if (hashKey !== undefined) return hashKeyToBigInt(hashKeyFromDecimal(String(hashKey), 'isolate.hashKey'))
  const words = new Uint32Array(4)
  hashPartitionKey(partitionKey, words, 0)
  return hashKeyToBigInt(words)
}

/**
 * Returns where children begin, so that one of them holds this hash key alone: three children for a key within the range, two
 * for a key at one of its ends. Throws `invalidArgument` for a key outside the range, and for the only key of a shard.
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

/** Returns the bytes of a hash key. Throws `invalidArgument` for an invalid one. */
export function cutAt(hashKey: string | bigint): Uint8Array {
  return hashKeyToBytes(hashKeyFromDecimal(String(hashKey), 'at'))
}
