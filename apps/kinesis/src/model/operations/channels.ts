// The operations on channels. Pure data.
import type { OperationFamily } from './operation.ts'
import { optional, required, structure } from '../shape.ts'
import {
  channelArn,
  channelDescription,
  channelEncryptionConfiguration,
  channelLoggingConfiguration,
  channelLoggingUpdateInput,
  channelName,
  channelStreamConfigurationList,
  channelSummaryList,
  listChannelsInputLimit,
  roleArn,
  s3DestinationConfiguration,
  s3DestinationUpdateInput,
  s3TablesDestinationConfiguration,
  s3TablesDestinationUpdateInput,
  streamFilterList,
} from '../channel-shapes.ts'
import { tagMap } from '../structures.ts'
import { nextToken } from '../values.ts'

export const channelsOperations = {
  CreateChannel: {
    doc: 'Delivers a stream to storage.',
    plane: 'control',
    input: structure({
      ChannelName: required(channelName),
      ServiceExecutionRoleARN: required(roleArn),
      StreamConfigurationList: required(channelStreamConfigurationList),
      S3DestinationConfiguration: optional(s3DestinationConfiguration),
      S3TablesDestinationConfiguration: optional(s3TablesDestinationConfiguration),
      EncryptionConfiguration: optional(channelEncryptionConfiguration),
      Tags: optional(tagMap),
      LoggingConfiguration: optional(channelLoggingConfiguration),
    }),
    output: structure({ ChannelDescription: required(channelDescription) }),
    errors: [
      'ValidationException',
      'ResourceInUseException',
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'KMSDisabledException',
      'KMSInvalidStateException',
      'KMSAccessDeniedException',
      'KMSNotFoundException',
      'KMSOptInRequired',
      'KMSThrottlingException',
      'AccessDeniedException',
    ],
  },
  DescribeChannel: {
    doc: 'Describes a channel.',
    plane: 'control',
    input: structure({ ChannelARN: required(channelArn) }),
    output: structure({ ChannelDescription: required(channelDescription) }),
    errors: [
      'ValidationException',
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'AccessDeniedException',
    ],
  },
  ListChannels: {
    doc: 'Lists channels, a page at a time.',
    plane: 'control',
    input: structure({
      StreamFilter: optional(streamFilterList),
      MaxResults: optional(listChannelsInputLimit),
      NextToken: optional(nextToken),
    }),
    output: structure({ ChannelSummaries: required(channelSummaryList), NextToken: optional(nextToken) }),
    errors: [
      'ValidationException',
      'ExpiredNextTokenException',
      'LimitExceededException',
      'InvalidArgumentException',
      'AccessDeniedException',
    ],
  },
  UpdateChannel: {
    doc: 'Changes a channel.',
    plane: 'control',
    input: structure({
      ChannelARN: required(channelArn),
      S3DestinationConfiguration: optional(s3DestinationUpdateInput),
      S3TablesDestinationConfiguration: optional(s3TablesDestinationUpdateInput),
      LoggingConfiguration: optional(channelLoggingUpdateInput),
    }),
    output: structure({ ChannelDescription: required(channelDescription) }),
    errors: [
      'ValidationException',
      'ResourceInUseException',
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'AccessDeniedException',
    ],
  },
  DeleteChannel: {
    doc: 'Deletes a channel.',
    plane: 'control',
    input: structure({ ChannelARN: required(channelArn) }),
    output: structure({}),
    errors: [
      'ValidationException',
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'AccessDeniedException',
    ],
  },
} as const satisfies OperationFamily
