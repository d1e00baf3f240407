// The operations on consumers. Pure data.
import type { OperationFamily } from './operation.ts'
import { boolean, optional, required, structure, timestamp } from '../shape.ts'
import {
  consumer,
  consumerDescription,
  consumerList,
  startingPosition,
  subscribeToShardEventStream,
  tagMap,
} from '../structures.ts'
import {
  consumerArn,
  consumerName,
  listStreamConsumersInputLimit,
  nextToken,
  shardId,
  streamArn,
  streamId,
} from '../values.ts'

export const consumersOperations = {
  RegisterStreamConsumer: {
    doc: 'Registers a consumer with a throughput of its own.',
    plane: 'control',
    input: structure({
      StreamARN: required(streamArn),
      ConsumerName: required(consumerName),
      StreamId: optional(streamId),
      Tags: optional(tagMap),
    }),
    output: structure({ Consumer: required(consumer) }),
    errors: [
      'InvalidArgumentException',
      'LimitExceededException',
      'ResourceInUseException',
      'ResourceNotFoundException',
    ],
  },
  DescribeStreamConsumer: {
    doc: 'Describes a registered consumer.',
    plane: 'control',
    input: structure({
      StreamARN: optional(streamArn),
      ConsumerName: optional(consumerName),
      ConsumerARN: optional(consumerArn),
      StreamId: optional(streamId),
    }),
    output: structure({ ConsumerDescription: required(consumerDescription) }),
    errors: ['LimitExceededException', 'ResourceNotFoundException', 'InvalidArgumentException'],
  },
  ListStreamConsumers: {
    doc: 'Lists the consumers of a stream, a page at a time.',
    plane: 'control',
    input: structure({
      StreamARN: required(streamArn),
      NextToken: optional(nextToken),
      MaxResults: optional(listStreamConsumersInputLimit),
      StreamCreationTimestamp: optional(timestamp),
      StreamId: optional(streamId),
    }),
    output: structure({ Consumers: optional(consumerList), NextToken: optional(nextToken) }),
    errors: [
      'ResourceNotFoundException',
      'InvalidArgumentException',
      'LimitExceededException',
      'ExpiredNextTokenException',
      'ResourceInUseException',
    ],
  },
  DeregisterStreamConsumer: {
    doc: 'Deregisters a consumer.',
    plane: 'control',
    input: structure({
      StreamARN: optional(streamArn),
      ConsumerName: optional(consumerName),
      ConsumerARN: optional(consumerArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: ['LimitExceededException', 'ResourceNotFoundException', 'InvalidArgumentException'],
  },
  SubscribeToShard: {
    doc: 'Pushes the records of a shard to a registered consumer for five minutes.',
    plane: 'data',
    input: structure({
      ConsumerARN: required(consumerArn),
      StreamId: optional(streamId),
      ShardId: required(shardId),
      StartingPosition: required(startingPosition),
      DryRun: optional(boolean),
    }),
    output: structure({ EventStream: required(subscribeToShardEventStream) }),
    errors: [
      'ResourceNotFoundException',
      'InvalidArgumentException',
      'ResourceInUseException',
      'LimitExceededException',
      'AccessDeniedException',
      'DryRunOperationException',
    ],
  },
} as const satisfies OperationFamily
