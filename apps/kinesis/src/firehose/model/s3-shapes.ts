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
const placed = {
  RoleARN: required(roleARN),
  BucketARN: required(bucketARN),
  Prefix: optional(prefix),
  ErrorOutputPrefix: optional(errorOutputPrefix),
}
const written = {
  BufferingHints: optional(bufferingHints),
  CompressionFormat: optional(compressionFormat),
  EncryptionConfiguration: optional(encryptionConfiguration),
}
const logged = { CloudWatchLoggingOptions: optional(cloudWatchLoggingOptions) }

/** What a request gives of any destination in S3. */
const given = { ...placed, ...written, ...logged }
/** What a description shows: defaults too. */
const shown = {
  ...placed,
  BufferingHints: required(bufferingHints),
  CompressionFormat: required(compressionFormat),
  EncryptionConfiguration: required(encryptionConfiguration),
  ...logged,
}
/** What a change says: only what is to be another. */
const changed = { ...given, RoleARN: optional(roleARN), BucketARN: optional(bucketARN) }

export const s3DestinationConfiguration = structure(given)
export const s3DestinationDescription = structure(shown)
export const s3DestinationUpdate = structure(changed)

export const retryOptions = structure({ DurationInSeconds: optional(retryDurationInSeconds) })
export const dynamicPartitioningConfiguration = structure({
  RetryOptions: optional(retryOptions),
  Enabled: optional(boolean),
})
const processed = {
  ProcessingConfiguration: optional(processingConfiguration),
  S3BackupMode: optional(s3BackupMode),
}
const shaped = {
  DataFormatConversionConfiguration: optional(dataFormatConversionConfiguration),
  DynamicPartitioningConfiguration: optional(dynamicPartitioningConfiguration),
  FileExtension: optional(fileExtension),
  CustomTimeZone: optional(customTimeZone),
}
export const extendedS3DestinationConfiguration = structure({
  ...given,
  ...processed,
  S3BackupConfiguration: optional(s3DestinationConfiguration),
  ...shaped,
})
export const extendedS3DestinationDescription = structure({
  ...shown,
  ...processed,
  S3BackupDescription: optional(s3DestinationDescription),
  ...shaped,
})
export const extendedS3DestinationUpdate = structure({
  ...changed,
  ...processed,
  S3BackupUpdate: optional(s3DestinationUpdate),
  ...shaped,
})
