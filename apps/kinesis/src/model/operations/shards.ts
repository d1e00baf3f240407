// The operations on shards. Pure data.
import type { OperationFamily } from './operation.ts'
import { optional, required, structure, timestamp } from '../shape.ts'
import { shardFilter, shardList } from '../structures.ts'
import {
  hashKey,
  listShardsInputLimit,
  nextToken,
  positiveIntegerObject,
  scalingType,
  shardId,
  streamArn,
  streamId,
  streamName,
} from '../values.ts'

export const shardsOperations = {
  ListShards: {
    doc: 'Lists shards, all or those that a filter selects, a page at a time.',
    plane: 'control',
    input: structure({
      ExclusiveStartShardId: optional(shardId),
      MaxResults: optional(listShardsInputLimit),
      NextToken: optional(nextToken),
      StreamCreationTimestamp: optional(timestamp),
      StreamName: optional(streamName),
      ShardFilter: optional(shardFilter),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({ Shards: optional(shardList), NextToken: optional(nextToken) }),
    errors: [
      'ResourceNotFoundException',
      'InvalidArgumentException',
      'LimitExceededException',
      'ExpiredNextTokenException',
      'ResourceInUseException',
      'AccessDeniedException',
    ],
  },
  SplitShard: {
    doc: 'Replaces a shard by two.',
    plane: 'control',
    notes: {
      NewStartingHashKey: 'By the setting `rules` any hash key above the first one of the shard.',
    },
    input: structure({
      NewStartingHashKey: required(hashKey),
      StreamName: optional(streamName),
      ShardToSplit: required(shardId),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'LimitExceededException',
      'ValidationException',
      'AccessDeniedException',
    ],
  },
  MergeShards: {
    doc: 'Replaces two adjacent shards by one.',
    plane: 'control',
    notes: {
      AdjacentShardToMerge: 'By the setting `rules` the neighbour on either side.',
    },
    input: structure({
      ShardToMerge: required(shardId),
      AdjacentShardToMerge: required(shardId),
      StreamName: optional(streamName),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'LimitExceededException',
      'ValidationException',
      'AccessDeniedException',
    ],
  },
  UpdateShardCount: {
    doc: 'Splits and merges shards until there are so many, of equal ranges.',
    plane: 'control',
    notes: {
      TargetShardCount:
        'At most 4,096. By the setting `rules` beyond double and half, and more than ten times a day.',
    },
    input: structure({
      StreamName: optional(streamName),
      TargetShardCount: required(positiveIntegerObject),
      ScalingType: required(scalingType),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({
      StreamName: optional(streamName),
      CurrentShardCount: optional(positiveIntegerObject),
      TargetShardCount: optional(positiveIntegerObject),
      StreamARN: optional(streamArn),
    }),
    errors: [
      'InvalidArgumentException',
      'LimitExceededException',
      'ResourceInUseException',
      'ResourceNotFoundException',
      'ValidationException',
      'AccessDeniedException',
    ],
  },
} as const satisfies OperationFamily
