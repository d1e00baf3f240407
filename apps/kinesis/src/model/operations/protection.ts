// The operations on encryption, policies and monitoring. Pure data.
import type { OperationFamily } from './operation.ts'
import { optional, required, structure } from '../shape.ts'
import { metricsNameList } from '../structures.ts'
import { encryptionType, keyId, policy, resourceArn, streamArn, streamId, streamName } from '../values.ts'

export const protectionOperations = {
  StartStreamEncryption: {
    doc: 'Turns on encryption by a key.',
    plane: 'control',
    support:
      'The choice is kept and shown, on the stream, in answers to puts and on records; the broker does not encrypt by it, and asks no key service. Encrypt in the client, or the disk.',
    notes: {
      KeyId: 'Any text: it is not looked up.',
    },
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
    support: 'Ends what StartStreamEncryption shows.',
    notes: {
      KeyId: 'Not compared with the key in use.',
    },
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
    support: 'The policy is kept and told, and not enforced: grants of the broker decide.',
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
    support: 'The choice is kept and told; the broker has metrics of every shard in any case.',
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
    support: 'The choice is kept and told; the broker has metrics of every shard in any case.',
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
