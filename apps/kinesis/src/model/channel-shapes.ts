// Shapes of the operations on channels, which are taken and answered by a named error. Pure.
import { boolean, choice, integer, list, optional, required, structure, text, timestamp } from './shape.ts'
import { streamArn, keyId } from './values.ts'

export const channelName = text({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' })
export const roleArn = text({
  min: 1,
  max: 512,
  pattern: 'arn:aws[-a-z0-9]*:iam::\\d{12}:role/[a-zA-Z_0-9+=,.@\\-_/]+',
})
export const recordFormatType = choice('GSR_JSON', 'JSON', 'STRING', 'BYTE_ARRAY')
export const gsrSchemaArn = text({
  min: 1,
  max: 512,
  pattern: 'arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\\d{12}:schema/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+',
})
export const dataFreshnessInSeconds = integer({})
export const bucketArn = text({ min: 1, max: 2048, pattern: 'arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}' })
export const expectedBucketOwner = text({ min: 12, max: 12, pattern: '\\d{12}' })
export const s3ErrorOutputPrefix = text({ min: 1, max: 512, pattern: "[0-9A-Za-z!\\-_'.*()\\/]+" })
export const s3OutputKeyTemplate = text({ min: 1, max: 1024, pattern: "[0-9A-Za-z!\\-_'.*()\\/=:{}]+" })
export const s3StorageClass = choice('STANDARD', 'INTELLIGENT_TIERING', 'GLACIER_IR')
export const s3CompressionType = choice('NONE', 'GZIP', 'ZSTD')
export const tableBucketArn = text({
  min: 1,
  max: 2048,
  pattern: 'arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\\d{12}:bucket/[a-z0-9_-]{3,63}',
})
export const s3TablesNamespace = text({ min: 1, max: 255, pattern: '[0-9a-z_]+' })
export const s3TablesTableName = text({ min: 1, max: 255, pattern: '[0-9a-z_]+' })
export const s3TablesCompressionType = choice('NONE', 'ZSTD', 'SNAPPY')
export const partitionTransform = choice('TIME_HOUR')
export const partitionSourceName = text({ min: 1, max: 255, pattern: '[a-zA-Z0-9\\.\\_]+' })
export const channelEncryptionType = choice('KMS')
export const cloudWatchLogGroupName = text({ min: 1, max: 512, pattern: '[\\.\\-_/#A-Za-z0-9]+' })
export const cloudWatchLogStreamName = text({ min: 1, max: 512, pattern: '[^:*]*' })
export const channelArn = text({ min: 1, max: 2048, pattern: 'arn:aws.*:kinesis:.*:\\d{12}:channel/\\S+' })
export const channelId = text({ min: 1, max: 64 })
export const channelStatus = choice('CREATING', 'ACTIVE', 'UPDATING', 'DELETING', 'FAILED')
export const channelStatusReason = text({ min: 1, max: 2048 })
export const listChannelsInputLimit = integer({ min: 1, max: 10_000 })
export const channelDestinationType = choice('S3', 'S3_TABLES')
export const recordConfiguration = structure({
  RecordFormatType: required(recordFormatType),
  GSRSchemaARN: optional(gsrSchemaArn),
})
export const channelStreamConfiguration = structure({
  StreamARN: required(streamArn),
  RecordConfiguration: required(recordConfiguration),
})
export const channelStreamConfigurationList = list(channelStreamConfiguration, { min: 1, max: 10_000 })
export const deadLetterQueueS3Configuration = structure({
  BucketARN: required(bucketArn),
  ExpectedBucketOwner: required(expectedBucketOwner),
  ErrorOutputPrefix: optional(s3ErrorOutputPrefix),
})
export const s3StorageConfiguration = structure({
  BucketARN: required(bucketArn),
  ExpectedBucketOwner: required(expectedBucketOwner),
  OutputKeyTemplate: optional(s3OutputKeyTemplate),
  StorageClass: optional(s3StorageClass),
  CompressionType: required(s3CompressionType),
})
export const s3DestinationConfiguration = structure({
  DataFreshnessInSeconds: optional(dataFreshnessInSeconds),
  DeadLetterQueueS3Configuration: optional(deadLetterQueueS3Configuration),
  StorageConfiguration: required(s3StorageConfiguration),
})
export const partitionField = structure({
  Transform: required(partitionTransform),
  SourceName: required(partitionSourceName),
})
export const partitionFieldList = list(partitionField, { min: 1, max: 10 })
export const partitionSpec = structure({ PartitionFields: required(partitionFieldList) })
export const s3TablesConfiguration = structure({
  TableBucketARN: required(tableBucketArn),
  Namespace: required(s3TablesNamespace),
  TableName: required(s3TablesTableName),
  CompressionType: required(s3TablesCompressionType),
  PartitionSpec: optional(partitionSpec),
})
export const s3TablesConfigurationList = list(s3TablesConfiguration, { min: 1, max: 10_000 })
export const s3TablesDestinationConfiguration = structure({
  DataFreshnessInSeconds: optional(dataFreshnessInSeconds),
  DeadLetterQueueS3Configuration: required(deadLetterQueueS3Configuration),
  S3TablesConfigurationList: required(s3TablesConfigurationList),
})
export const channelEncryptionConfiguration = structure({
  EncryptionType: required(channelEncryptionType),
  KeyId: required(keyId),
})
export const cloudWatchLogs = structure({
  Enabled: required(boolean),
  LogGroupName: optional(cloudWatchLogGroupName),
  LogStreamName: optional(cloudWatchLogStreamName),
})
export const channelLoggingConfiguration = structure({ CloudWatchLogs: required(cloudWatchLogs) })
export const channelStreamDescription = structure({
  StreamARN: required(streamArn),
  StreamCreationTimestamp: required(timestamp),
  RecordConfiguration: required(recordConfiguration),
})
export const channelStreamDescriptionList = list(channelStreamDescription, { min: 1, max: 10_000 })
export const s3DestinationDescription = structure({
  DataFreshnessInSeconds: required(dataFreshnessInSeconds),
  DeadLetterQueueS3Configuration: required(deadLetterQueueS3Configuration),
  StorageConfiguration: required(s3StorageConfiguration),
})
export const s3TablesDestinationDescription = structure({
  DataFreshnessInSeconds: required(dataFreshnessInSeconds),
  DeadLetterQueueS3Configuration: required(deadLetterQueueS3Configuration),
  S3TablesConfigurationList: required(s3TablesConfigurationList),
})
export const channelDescription = structure({
  ChannelName: required(channelName),
  ChannelARN: required(channelArn),
  ChannelId: required(channelId),
  ChannelStatus: required(channelStatus),
  ChannelStatusReason: optional(channelStatusReason),
  ChannelCreationTimestamp: required(timestamp),
  ServiceExecutionRoleARN: required(roleArn),
  StreamConfigurationList: required(channelStreamDescriptionList),
  S3DestinationConfiguration: optional(s3DestinationDescription),
  S3TablesDestinationConfiguration: optional(s3TablesDestinationDescription),
  EncryptionConfiguration: optional(channelEncryptionConfiguration),
  LoggingConfiguration: required(channelLoggingConfiguration),
})
export const streamFilter = structure({
  StreamARN: required(streamArn),
  StreamCreationTimestamp: optional(timestamp),
})
export const streamFilterList = list(streamFilter, { min: 1, max: 10_000 })
export const channelStreamIdentifier = structure({
  StreamARN: required(streamArn),
  StreamCreationTimestamp: required(timestamp),
})
export const channelStreamIdentifierList = list(channelStreamIdentifier, { min: 1, max: 10_000 })
export const channelSummary = structure({
  ChannelName: required(channelName),
  ChannelARN: required(channelArn),
  ChannelId: required(channelId),
  ChannelStatus: required(channelStatus),
  ChannelStatusReason: optional(channelStatusReason),
  ChannelCreationTimestamp: required(timestamp),
  ChannelDestinationType: required(channelDestinationType),
  Streams: required(channelStreamIdentifierList),
})
export const channelSummaryList = list(channelSummary, {})
export const s3DestinationUpdateInput = structure({
  DataFreshnessInSeconds: required(dataFreshnessInSeconds),
})
export const s3TablesDestinationUpdateInput = structure({
  DataFreshnessInSeconds: required(dataFreshnessInSeconds),
})
export const cloudWatchLogsUpdateInput = structure({
  Enabled: required(boolean),
  LogGroupName: optional(cloudWatchLogGroupName),
  LogStreamName: optional(cloudWatchLogStreamName),
})
export const channelLoggingUpdateInput = structure({ CloudWatchLogs: required(cloudWatchLogsUpdateInput) })
