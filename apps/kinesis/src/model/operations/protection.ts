// The operations on encryption, policies and monitoring. Pure data.
import type { OperationFamily } from './operation.ts'
import { optional, required, structure } from '../shape.ts'
import { metricsNameList } from '../structures.ts'
import { encryptionType, keyId, policy, resourceArn, streamArn, streamId, streamName } from '../values.ts'

export const protectionOperations = {
  StartStreamEncryption: {
    doc: 'Turns on encryption by a key.',
    plane: 'control',
    input: structure({
      StreamName: optional(streamName),
      EncryptionType: required(encryptionType),
      KeyId: required(keyId),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: [
      'InvalidArgumentException',
      'LimitExceededException',
      'ResourceInUseException',
      'ResourceNotFoundException',
      'KMSDisabledException',
      'KMSInvalidStateException',
      'KMSAccessDeniedException',
      'KMSNotFoundException',
      'KMSOptInRequired',
      'KMSThrottlingException',
      'AccessDeniedException',
    ],
  },
  StopStreamEncryption: {
    doc: 'Turns off encryption.',
    plane: 'control',
    input: structure({
      StreamName: optional(streamName),
      EncryptionType: required(encryptionType),
      KeyId: required(keyId),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: [
      'InvalidArgumentException',
      'LimitExceededException',
      'ResourceInUseException',
      'ResourceNotFoundException',
      'AccessDeniedException',
    ],
  },
  PutResourcePolicy: {
    doc: 'Attaches a policy to a stream or consumer.',
    plane: 'control',
    input: structure({
      ResourceARN: required(resourceArn),
      StreamId: optional(streamId),
      Policy: required(policy),
    }),
    output: structure({}),
    errors: [
      'AccessDeniedException',
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'ResourceInUseException',
    ],
  },
  GetResourcePolicy: {
    doc: 'Tells the policy of a stream or consumer.',
    plane: 'control',
    input: structure({ ResourceARN: required(resourceArn), StreamId: optional(streamId) }),
    output: structure({ Policy: required(policy) }),
    errors: [
      'AccessDeniedException',
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'ResourceInUseException',
    ],
  },
  DeleteResourcePolicy: {
    doc: 'Removes the policy of a stream or consumer.',
    plane: 'control',
    input: structure({ ResourceARN: required(resourceArn), StreamId: optional(streamId) }),
    output: structure({}),
    errors: [
      'AccessDeniedException',
      'ResourceNotFoundException',
      'LimitExceededException',
      'InvalidArgumentException',
      'ResourceInUseException',
    ],
  },
  EnableEnhancedMonitoring: {
    doc: 'Turns on metrics of each shard.',
    plane: 'control',
    input: structure({
      StreamName: optional(streamName),
      ShardLevelMetrics: required(metricsNameList),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({
      StreamName: optional(streamName),
      CurrentShardLevelMetrics: optional(metricsNameList),
      DesiredShardLevelMetrics: optional(metricsNameList),
      StreamARN: optional(streamArn),
    }),
    errors: [
      'InvalidArgumentException',
      'LimitExceededException',
      'ResourceInUseException',
      'ResourceNotFoundException',
      'AccessDeniedException',
    ],
  },
  DisableEnhancedMonitoring: {
    doc: 'Turns off metrics of each shard.',
    plane: 'control',
    input: structure({
      StreamName: optional(streamName),
      ShardLevelMetrics: required(metricsNameList),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({
      StreamName: optional(streamName),
      CurrentShardLevelMetrics: optional(metricsNameList),
      DesiredShardLevelMetrics: optional(metricsNameList),
      StreamARN: optional(streamArn),
    }),
    errors: [
      'InvalidArgumentException',
      'LimitExceededException',
      'ResourceInUseException',
      'ResourceNotFoundException',
      'AccessDeniedException',
    ],
  },
} as const satisfies OperationFamily
