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
export const httpEndpointDescription = structure({
  Url: optional(httpEndpointUrl),
  Name: optional(httpEndpointName),
})

/** What requests give and descriptions show alike. */
const sent = {
  BufferingHints: optional(httpEndpointBufferingHints),
  CloudWatchLoggingOptions: optional(cloudWatchLoggingOptions),
  RequestConfiguration: optional(httpEndpointRequestConfiguration),
  ProcessingConfiguration: optional(processingConfiguration),
  RoleARN: optional(roleARN),
  RetryOptions: optional(httpEndpointRetryOptions),
  S3BackupMode: optional(httpEndpointS3BackupMode),
}
const secret = { SecretsManagerConfiguration: optional(secretsManagerConfiguration) }

export const httpEndpointDestinationConfiguration = structure({
  EndpointConfiguration: required(httpEndpointConfiguration),
  ...sent,
  S3Configuration: required(s3DestinationConfiguration),
  ...secret,
})
export const httpEndpointDestinationDescription = structure({
  EndpointConfiguration: optional(httpEndpointDescription),
  ...sent,
  S3DestinationDescription: optional(s3DestinationDescription),
  ...secret,
})
export const httpEndpointDestinationUpdate = structure({
  EndpointConfiguration: optional(httpEndpointConfiguration),
  ...sent,
  S3Update: optional(s3DestinationUpdate),
  ...secret,
})
