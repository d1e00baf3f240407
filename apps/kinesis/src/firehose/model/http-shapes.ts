// Destinations that are HTTP endpoints, as requests give them and descriptions show them. Pure.
import { boolean, list, optional, required, structure } from '../../model/shape.ts'
import { processingConfiguration } from './processing-shapes.ts'
import {
  cloudWatchLoggingOptions,
  s3DestinationConfiguration,
  s3DestinationDescription,
  s3DestinationUpdate,
} from './s3-shapes.ts'
import {
  contentEncoding,
  httpEndpointAccessKey,
  httpEndpointAttributeName,
  httpEndpointAttributeValue,
  httpEndpointBufferingIntervalInSeconds,
  httpEndpointBufferingSizeInMBs,
  httpEndpointName,
  httpEndpointRetryDurationInSeconds,
  httpEndpointS3BackupMode,
  httpEndpointUrl,
  roleARN,
  secretARN,
} from './values.ts'

export const httpEndpointConfiguration = structure({
  Url: required(httpEndpointUrl),
  Name: optional(httpEndpointName),
  AccessKey: optional(httpEndpointAccessKey),
})
export const httpEndpointBufferingHints = structure({
  SizeInMBs: optional(httpEndpointBufferingSizeInMBs),
  IntervalInSeconds: optional(httpEndpointBufferingIntervalInSeconds),
})
export const httpEndpointCommonAttribute = structure({
  AttributeName: required(httpEndpointAttributeName),
  AttributeValue: required(httpEndpointAttributeValue),
})
export const httpEndpointCommonAttributesList = list(httpEndpointCommonAttribute, { min: 0, max: 50 })
export const httpEndpointRequestConfiguration = structure({
  ContentEncoding: optional(contentEncoding),
  CommonAttributes: optional(httpEndpointCommonAttributesList),
})
export const httpEndpointRetryOptions = structure({
  DurationInSeconds: optional(httpEndpointRetryDurationInSeconds),
})
export const secretsManagerConfiguration = structure({
  SecretARN: optional(secretARN),
  RoleARN: optional(roleARN),
  Enabled: required(boolean),
})
export const httpEndpointDestinationConfiguration = structure({
  EndpointConfiguration: required(httpEndpointConfiguration),
  BufferingHints: optional(httpEndpointBufferingHints),
  CloudWatchLoggingOptions: optional(cloudWatchLoggingOptions),
  RequestConfiguration: optional(httpEndpointRequestConfiguration),
  ProcessingConfiguration: optional(processingConfiguration),
  RoleARN: optional(roleARN),
  RetryOptions: optional(httpEndpointRetryOptions),
  S3BackupMode: optional(httpEndpointS3BackupMode),
  S3Configuration: required(s3DestinationConfiguration),
  SecretsManagerConfiguration: optional(secretsManagerConfiguration),
})
export const httpEndpointDescription = structure({
  Url: optional(httpEndpointUrl),
  Name: optional(httpEndpointName),
})
export const httpEndpointDestinationDescription = structure({
  EndpointConfiguration: optional(httpEndpointDescription),
  BufferingHints: optional(httpEndpointBufferingHints),
  CloudWatchLoggingOptions: optional(cloudWatchLoggingOptions),
  RequestConfiguration: optional(httpEndpointRequestConfiguration),
  ProcessingConfiguration: optional(processingConfiguration),
  RoleARN: optional(roleARN),
  RetryOptions: optional(httpEndpointRetryOptions),
  S3BackupMode: optional(httpEndpointS3BackupMode),
  S3DestinationDescription: optional(s3DestinationDescription),
  SecretsManagerConfiguration: optional(secretsManagerConfiguration),
})
export const httpEndpointDestinationUpdate = structure({
  EndpointConfiguration: optional(httpEndpointConfiguration),
  BufferingHints: optional(httpEndpointBufferingHints),
  CloudWatchLoggingOptions: optional(cloudWatchLoggingOptions),
  RequestConfiguration: optional(httpEndpointRequestConfiguration),
  ProcessingConfiguration: optional(processingConfiguration),
  RoleARN: optional(roleARN),
  RetryOptions: optional(httpEndpointRetryOptions),
  S3BackupMode: optional(httpEndpointS3BackupMode),
  S3Update: optional(s3DestinationUpdate),
  SecretsManagerConfiguration: optional(secretsManagerConfiguration),
})
