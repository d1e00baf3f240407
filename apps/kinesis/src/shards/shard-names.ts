// Shard ids in requests, with the refusals of those that name no shard. Pure.
import { shardIdOf, shardIndexOf } from '../identifiers/shard-ids.ts'
import { KinesisError } from '../model/errors.ts'

export { shardIdOf, shardIndexOf }

/** The index that an id names. Refuses what names none. */
export function requireShardIndex(shardId: string): number {
  const index = shardIndexOf(shardId)
  if (index === undefined) throw new KinesisError('InvalidArgumentException', `Invalid ShardId: ${shardId}`)
  return index
}

/** The refusal of a shard that the stream does not have. */
export function shardNotFound(shardId: string, stream: string, account: string): KinesisError {
  const message = `Could not find shard ${shardId} in stream ${stream} under account ${account}.`
  return new KinesisError('ResourceNotFoundException', message)
}
