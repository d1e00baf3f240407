// How often the service takes each call of its control plane, as its documentation says. Pure data.
// Calls that are not listed have no documented rate of their own; those on records are limited shard by shard.
import type { OperationName } from '../model/operations.ts'

export interface CallRate {
  readonly perSecond: number
  /** Whether the calls of an account count together, or those about each stream. */
  readonly per: 'account' | 'stream'
}

const five: CallRate = { perSecond: 5, per: 'account' }
const fiveForStream: CallRate = { perSecond: 5, per: 'stream' }

export const callRates: Partial<Record<OperationName, CallRate>> = {
  CreateStream: five,
  DeleteStream: five,
  ListStreams: five,
  DescribeStream: { perSecond: 10, per: 'account' },
  DescribeStreamSummary: { perSecond: 20, per: 'account' },
  DescribeLimits: { perSecond: 1, per: 'account' },
  IncreaseStreamRetentionPeriod: five,
  DecreaseStreamRetentionPeriod: five,
  ListShards: { perSecond: 1000, per: 'stream' },
  SplitShard: five,
  MergeShards: five,
  UpdateShardCount: { perSecond: 10, per: 'account' },
  AddTagsToStream: five,
  RemoveTagsFromStream: five,
  ListTagsForStream: five,
  EnableEnhancedMonitoring: five,
  DisableEnhancedMonitoring: five,
  RegisterStreamConsumer: five,
  DeregisterStreamConsumer: fiveForStream,
  ListStreamConsumers: fiveForStream,
  DescribeStreamConsumer: { perSecond: 20, per: 'stream' },
  DescribeAccountSettings: five,
  UpdateAccountSettings: five,
  UpdateStreamWarmThroughput: five,
  CreateChannel: five,
  DescribeChannel: five,
  ListChannels: five,
  UpdateChannel: five,
  DeleteChannel: five,
}
