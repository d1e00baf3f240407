// The refusal of shards that a broker has no room for, as the service words it. Runs in the endpoint.
import type { Client } from 'millrace'
import { limits } from 'millrace/protocol'
import { KinesisError } from '../model/errors.ts'
import type { ErrorPlace } from '../native-errors.ts'

/** Shards that a broker may have. */
export const ACCOUNT_SHARDS_MAX = limits.shardsMax

/** Open shards of all streams. */
export async function accountShards(own: Pick<Client, 'listStreams'>): Promise<number> {
  let count = 0
  for await (const { openShardCount } of own.listStreams()) count += openShardCount
  return count
}

/** The refusal, with how many shards there are, and how many more were asked for. */
export function shardLimitError(
  { account, region }: ErrorPlace,
  { current, more }: { readonly current: number; readonly more: number },
): KinesisError {
  // A stream has a limit of its own, and it may be the one that is met.
  const limit =
    more > limits.shardsPerStreamMax || current + more <= ACCOUNT_SHARDS_MAX
      ? limits.shardsPerStreamMax
      : ACCOUNT_SHARDS_MAX
  const message =
    `This request would exceed the shard limit for the account ${account} in ${region}. Current shard count for the account: ` +
    `${current}. Limit: ${limit}. Number of additional shards that would have resulted from this request: ${more}. ` +
    'Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) ' +
    'for current limits and how to request higher limits.'
  return new KinesisError('LimitExceededException', message)
}
