// The operations on capacity. Pure data.
import type { OperationFamily } from './operation.ts'
import { optional, required, structure } from '../shape.ts'
import {
  minimumThroughputBillingCommitmentInput,
  minimumThroughputBillingCommitmentOutput,
  streamModeDetails,
  warmThroughputObject,
} from '../structures.ts'
import {
  channelCountObject,
  naturalIntegerObject,
  onDemandStreamCountLimitObject,
  onDemandStreamCountObject,
  shardCountObject,
  streamArn,
  streamId,
  streamName,
} from '../values.ts'

export const capacityOperations = {
  UpdateStreamMode: {
    doc: 'Switches between provisioned and on-demand capacity.',
    plane: 'control',
    input: structure({
      StreamARN: required(streamArn),
      StreamId: optional(streamId),
      StreamModeDetails: required(streamModeDetails),
      WarmThroughputMiBps: optional(naturalIntegerObject),
    }),
    output: structure({}),
    errors: [
      'InvalidArgumentException',
      'LimitExceededException',
      'ResourceInUseException',
      'ResourceNotFoundException',
      'ValidationException',
    ],
  },
  UpdateStreamWarmThroughput: {
    doc: 'Says for how much throughput an on-demand stream is scaled ahead.',
    plane: 'control',
    notes: {
      WarmThroughputMiBps:
        'Keeps one shard for each MiB a second, at most 4,096; CurrentMiBps counts the shards that are open.',
    },
    input: structure({
      StreamARN: optional(streamArn),
      StreamName: optional(streamName),
      StreamId: optional(streamId),
      WarmThroughputMiBps: required(naturalIntegerObject),
    }),
    output: structure({
      StreamARN: optional(streamArn),
      StreamName: optional(streamName),
      WarmThroughput: optional(warmThroughputObject),
    }),
    errors: [
      'AccessDeniedException',
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'ResourceInUseException',
      'ValidationException',
    ],
  },
  DescribeLimits: {
    doc: 'Tells how many shards and on-demand streams there are, and may be.',
    plane: 'control',
    support: 'Tells the limits of the broker, not those of an account: they cannot be raised.',
    input: structure({}),
    output: structure({
      ShardLimit: required(shardCountObject),
      OpenShardCount: required(shardCountObject),
      OnDemandStreamCount: required(onDemandStreamCountObject),
      OnDemandStreamCountLimit: required(onDemandStreamCountLimitObject),
      ChannelCount: optional(channelCountObject),
      ChannelCountLimit: optional(channelCountObject),
    }),
    errors: ['LimitExceededException'],
  },
  DescribeAccountSettings: {
    doc: 'Tells the settings of the account.',
    plane: 'control',
    input: structure({}),
    output: structure({
      MinimumThroughputBillingCommitment: optional(minimumThroughputBillingCommitmentOutput),
    }),
    errors: ['LimitExceededException'],
  },
  UpdateAccountSettings: {
    doc: 'Changes the settings of the account.',
    plane: 'control',
    support: 'Nothing is billed: the commitment opens warm throughput, and keeps the times of the service.',
    input: structure({
      MinimumThroughputBillingCommitment: required(minimumThroughputBillingCommitmentInput),
    }),
    output: structure({
      MinimumThroughputBillingCommitment: optional(minimumThroughputBillingCommitmentOutput),
    }),
    errors: ['InvalidArgumentException', 'ValidationException', 'LimitExceededException'],
  },
} as const satisfies OperationFamily
