// Destinations in S3, as requests give them and descriptions show them. Pure.
import { boolean, optional, required, structure } from '../../model/shape.ts'
import { dataFormatConversionConfiguration } from './format-shapes.ts'
import { processingConfiguration } from './processing-shapes.ts'
import {
  awskmsKeyARN,
  bucketARN,
  compressionFormat,
  customTimeZone,
  errorOutputPrefix,
  fileExtension,
  intervalInSeconds,
  logGroupName,
  logStreamName,
  noEncryptionConfig,
  prefix,
  retryDurationInSeconds,
  roleARN,
  s3BackupMode,
  sizeInMBs,
} from './values.ts'

export const bufferingHints = structure({
  SizeInMBs: optional(sizeInMBs),
  IntervalInSeconds: optional(intervalInSeconds),
})
export const kmsEncryptionConfig = structure({ AWSKMSKeyARN: required(awskmsKeyARN) })
export const encryptionConfiguration = structure({
  NoEncryptionConfig: optional(noEncryptionConfig),
  KMSEncryptionConfig: optional(kmsEncryptionConfig),
})
export const cloudWatchLoggingOptions = structure({
  Enabled: optional(boolean),
  LogGroupName: optional(logGroupName),
  LogStreamName: optional(logStreamName),
})
export const s3DestinationConfiguration = structure({
  RoleARN: required(roleARN),
  BucketARN: required(bucketARN),
  Prefix: optional(prefix),
  ErrorOutputPrefix: optional(errorOutputPrefix),
  BufferingHints: optional(bufferingHints),
  CompressionFormat: optional(compressionFormat),
  EncryptionConfiguration: optional(encryptionConfiguration),
  CloudWatchLoggingOptions: optional(cloudWatchLoggingOptions),
})
export const retryOptions = structure({ DurationInSeconds: optional(retryDurationInSeconds) })
export const dynamicPartitioningConfiguration = structure({
  RetryOptions: optional(retryOptions),
  Enabled: optional(boolean),
})
export const extendedS3DestinationConfiguration = structure({
  RoleARN: required(roleARN),
  BucketARN: required(bucketARN),
  Prefix: optional(prefix),
  ErrorOutputPrefix: optional(errorOutputPrefix),
  BufferingHints: optional(bufferingHints),
  CompressionFormat: optional(compressionFormat),
  EncryptionConfiguration: optional(encryptionConfiguration),
  CloudWatchLoggingOptions: optional(cloudWatchLoggingOptions),
  ProcessingConfiguration: optional(processingConfiguration),
  S3BackupMode: optional(s3BackupMode),
  S3BackupConfiguration: optional(s3DestinationConfiguration),
  DataFormatConversionConfiguration: optional(dataFormatConversionConfiguration),
  DynamicPartitioningConfiguration: optional(dynamicPartitioningConfiguration),
  FileExtension: optional(fileExtension),
  CustomTimeZone: optional(customTimeZone),
})
export const s3DestinationDescription = structure({
  RoleARN: required(roleARN),
  BucketARN: required(bucketARN),
  Prefix: optional(prefix),
  ErrorOutputPrefix: optional(errorOutputPrefix),
  BufferingHints: required(bufferingHints),
  CompressionFormat: required(compressionFormat),
  EncryptionConfiguration: required(encryptionConfiguration),
  CloudWatchLoggingOptions: optional(cloudWatchLoggingOptions),
})
export const extendedS3DestinationDescription = structure({
  RoleARN: required(roleARN),
  BucketARN: required(bucketARN),
  Prefix: optional(prefix),
  ErrorOutputPrefix: optional(errorOutputPrefix),
  BufferingHints: required(bufferingHints),
  CompressionFormat: required(compressionFormat),
  EncryptionConfiguration: required(encryptionConfiguration),
  CloudWatchLoggingOptions: optional(cloudWatchLoggingOptions),
  ProcessingConfiguration: optional(processingConfiguration),
  S3BackupMode: optional(s3BackupMode),
  S3BackupDescription: optional(s3DestinationDescription),
  DataFormatConversionConfiguration: optional(dataFormatConversionConfiguration),
  DynamicPartitioningConfiguration: optional(dynamicPartitioningConfiguration),
  FileExtension: optional(fileExtension),
  CustomTimeZone: optional(customTimeZone),
})
export const s3DestinationUpdate = structure({
  RoleARN: optional(roleARN),
  BucketARN: optional(bucketARN),
  Prefix: optional(prefix),
  ErrorOutputPrefix: optional(errorOutputPrefix),
  BufferingHints: optional(bufferingHints),
  CompressionFormat: optional(compressionFormat),
  EncryptionConfiguration: optional(encryptionConfiguration),
  CloudWatchLoggingOptions: optional(cloudWatchLoggingOptions),
})
export const extendedS3DestinationUpdate = structure({
  RoleARN: optional(roleARN),
  BucketARN: optional(bucketARN),
  Prefix: optional(prefix),
  ErrorOutputPrefix: optional(errorOutputPrefix),
  BufferingHints: optional(bufferingHints),
  CompressionFormat: optional(compressionFormat),
  EncryptionConfiguration: optional(encryptionConfiguration),
  CloudWatchLoggingOptions: optional(cloudWatchLoggingOptions),
  ProcessingConfiguration: optional(processingConfiguration),
  S3BackupMode: optional(s3BackupMode),
  S3BackupUpdate: optional(s3DestinationUpdate),
  DataFormatConversionConfiguration: optional(dataFormatConversionConfiguration),
  DynamicPartitioningConfiguration: optional(dynamicPartitioningConfiguration),
  FileExtension: optional(fileExtension),
  CustomTimeZone: optional(customTimeZone),
})
