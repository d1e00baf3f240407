// The operations on streams. Pure data.
import type { OperationFamily } from './operation.ts'
import { boolean, optional, required, structure } from '../shape.ts'
import {
  streamDescription,
  streamDescriptionSummary,
  streamModeDetails,
  streamNameList,
  streamSummaryList,
  tagMap,
} from '../structures.ts'
import {
  describeStreamInputLimit,
  listStreamsInputLimit,
  maxRecordSizeInKib,
  naturalIntegerObject,
  nextToken,
  positiveIntegerObject,
  recordDistributionStrategy,
  retentionPeriodHours,
  shardId,
  streamArn,
  streamId,
  streamName,
} from '../values.ts'

export const streamsOperations = {
  CreateStream: {
    doc: 'Makes a stream.',
    plane: 'control',
    notes: {
      ShardCount:
        'Taken for an on-demand stream too, as the number of shards that it starts with; without it there are four. At most 4,096.',
      WarmThroughputMiBps: 'One shard for each MiB a second, at most 4,096.',
    },
    input: structure({
      ShardCount: optional(positiveIntegerObject),
      StreamName: required(streamName),
      StreamModeDetails: optional(streamModeDetails),
      Tags: optional(tagMap),
      WarmThroughputMiBps: optional(naturalIntegerObject),
      MaxRecordSizeInKiB: optional(maxRecordSizeInKib),
      RecordDistributionStrategy: optional(recordDistributionStrategy),
    }),
    output: structure({}),
    errors: [
      'ResourceInUseException',
      'LimitExceededException',
      'InvalidArgumentException',
      'ValidationException',
    ],
  },
  DeleteStream: {
    doc: 'Deletes a stream with its records.',
    plane: 'control',
    notes: {
      StreamName:
        'Records are gone at once, or after the delay that the endpoint is set to; until then they are served.',
    },
    input: structure({
      StreamName: optional(streamName),
      EnforceConsumerDeletion: optional(boolean),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'LimitExceededException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'AccessDeniedException',
    ],
  },
  DescribeStream: {
    doc: 'Describes a stream and lists its shards, a page at a time.',
    plane: 'control',
    input: structure({
      Limit: optional(describeStreamInputLimit),
      ExclusiveStartShardId: optional(shardId),
      StreamName: optional(streamName),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({ StreamDescription: required(streamDescription) }),
    errors: [
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'AccessDeniedException',
    ],
  },
  DescribeStreamSummary: {
    doc: 'Describes a stream without its shards.',
    plane: 'control',
    input: structure({
      StreamName: optional(streamName),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({ StreamDescriptionSummary: required(streamDescriptionSummary) }),
    errors: [
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'AccessDeniedException',
    ],
  },
  ListStreams: {
    doc: 'Lists streams by name, a page at a time.',
    plane: 'control',
    input: structure({
      Limit: optional(listStreamsInputLimit),
      ExclusiveStartStreamName: optional(streamName),
      NextToken: optional(nextToken),
    }),
    output: structure({
      StreamNames: required(streamNameList),
      HasMoreStreams: required(boolean),
      NextToken: optional(nextToken),
      StreamSummaries: optional(streamSummaryList),
    }),
    errors: ['LimitExceededException', 'ExpiredNextTokenException', 'InvalidArgumentException'],
  },
  IncreaseStreamRetentionPeriod: {
    doc: 'Keeps records for longer.',
    plane: 'control',
    input: structure({
      RetentionPeriodHours: required(retentionPeriodHours),
      StreamName: optional(streamName),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: [
      'ResourceInUseException',
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'AccessDeniedException',
    ],
  },
  DecreaseStreamRetentionPeriod: {
    doc: 'Keeps records for a shorter time.',
    plane: 'control',
    input: structure({
      RetentionPeriodHours: required(retentionPeriodHours),
      StreamName: optional(streamName),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: [
      'ResourceInUseException',
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'AccessDeniedException',
    ],
  },
  UpdateMaxRecordSize: {
    doc: 'Changes how large a record may be.',
    plane: 'control',
    input: structure({
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
      MaxRecordSizeInKiB: required(maxRecordSizeInKib),
    }),
    output: structure({}),
    errors: [
      'ResourceInUseException',
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'AccessDeniedException',
      'ValidationException',
    ],
  },
  UpdateStreamRecordDistributionStrategy: {
    doc: 'Says whether partition keys decide the shard.',
    plane: 'control',
    input: structure({
      StreamARN: required(streamArn),
      StreamId: optional(streamId),
      RecordDistributionStrategy: required(recordDistributionStrategy),
    }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'InvalidArgumentException',
      'ResourceInUseException',
      'LimitExceededException',
      'AccessDeniedException',
      'ValidationException',
    ],
  },
} as const satisfies OperationFamily
