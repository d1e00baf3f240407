// Texts, numbers and choices of the Firehose API, with the bounds of the service's published model (API version 2015-08-04). Pure.
import { blob, choice, integer, text } from '../../model/shape.ts'

export const deliveryStreamName = text({ min: 1, max: 64, pattern: '[a-zA-Z0-9_.-]+' })
export const deliveryStreamType = choice(
  'DirectPut',
  'KinesisStreamAsSource',
  'MSKAsSource',
  'DatabaseAsSource',
)
export const throughputHintInMBs = integer({ min: 1, max: 100 })
export const kinesisStreamARN = text({
  min: 1,
  max: 512,
  pattern: 'arn:.*:kinesis:[a-zA-Z0-9\\-]+:\\d{12}:stream/[a-zA-Z0-9_.-]+',
})
export const roleARN = text({ min: 1, max: 512, pattern: 'arn:.*:iam::\\d{12}:role/[a-zA-Z_0-9+=,.@\\-_/]+' })
export const awskmsKeyARN = text({
  min: 1,
  max: 512,
  pattern: 'arn:.*:kms:[a-zA-Z0-9\\-]+:\\d{12}:(key|alias)/[a-zA-Z_0-9+=,.@\\-_/]+',
})
export const keyType = choice('AWS_OWNED_CMK', 'CUSTOMER_MANAGED_CMK')
export const bucketARN = text({ min: 1, max: 2048, pattern: 'arn:.*:s3:::[\\w\\.\\-]{1,255}' })
export const prefix = text({ min: 0, max: 1024, pattern: '.*' })
export const errorOutputPrefix = text({ min: 0, max: 1024, pattern: '.*' })
export const sizeInMBs = integer({ min: 1, max: 128 })
export const intervalInSeconds = integer({ min: 0, max: 900 })
export const compressionFormat = choice('UNCOMPRESSED', 'GZIP', 'ZIP', 'Snappy', 'HADOOP_SNAPPY')
export const noEncryptionConfig = choice('NoEncryption')
export const logGroupName = text({ min: 0, max: 512, pattern: '[\\.\\-_/#A-Za-z0-9]*' })
export const logStreamName = text({ min: 0, max: 512, pattern: '[^:*]*' })
export const processorType = choice(
  'RecordDeAggregation',
  'Decompression',
  'CloudWatchLogProcessing',
  'Lambda',
  'MetadataExtraction',
  'AppendDelimiterToRecord',
)
export const processorParameterName = choice(
  'LambdaArn',
  'NumberOfRetries',
  'MetadataExtractionQuery',
  'JsonParsingEngine',
  'RoleArn',
  'BufferSizeInMBs',
  'BufferIntervalInSeconds',
  'SubRecordType',
  'Delimiter',
  'CompressionFormat',
  'DataMessageExtraction',
)
export const processorParameterValue = text({ min: 1, max: 5120, pattern: '^(?!\\s*$).+' })
export const s3BackupMode = choice('Disabled', 'Enabled')
export const nonEmptyStringWithoutWhitespace = text({ min: 1, max: 1024, pattern: '^\\S+$' })
export const nonEmptyString = text({ min: 1, max: 1024, pattern: '^(?!\\s*$).+' })
export const blockSizeBytes = integer({ min: 67108864 })
export const parquetPageSizeBytes = integer({ min: 65536 })
export const parquetCompression = choice('UNCOMPRESSED', 'GZIP', 'SNAPPY')
export const nonNegativeIntegerObject = integer({ min: 0 })
export const parquetWriterVersion = choice('V1', 'V2')
export const retryDurationInSeconds = integer({ min: 0, max: 7200 })
export const fileExtension = text({ min: 0, max: 128, pattern: "^$|\\.[0-9a-z!\\-_.*'()]+" })
export const customTimeZone = text({ min: 0, max: 50, pattern: '^$|[a-zA-Z/_]+' })
export const httpEndpointUrl = text({ min: 1, max: 1000, pattern: 'https://.*' })
export const httpEndpointName = text({ min: 1, max: 256, pattern: '^(?!\\s*$).+' })
export const httpEndpointAccessKey = text({ min: 0, max: 4096, pattern: '.*' })
export const httpEndpointBufferingSizeInMBs = integer({ min: 1, max: 64 })
export const httpEndpointBufferingIntervalInSeconds = integer({ min: 0, max: 900 })
export const contentEncoding = choice('NONE', 'GZIP')
export const httpEndpointAttributeName = text({ min: 1, max: 256, pattern: '^(?!\\s*$).+' })
export const httpEndpointAttributeValue = text({ min: 0, max: 1024, pattern: '.*' })
export const httpEndpointRetryDurationInSeconds = integer({ min: 0, max: 7200 })
export const httpEndpointS3BackupMode = choice('FailedDataOnly', 'AllData')
export const secretARN = text({
  min: 1,
  max: 2048,
  pattern: 'arn:.*:secretsmanager:[a-zA-Z0-9\\-]+:\\d{12}:secret:[a-zA-Z0-9\\-/_+=.@!]+',
})
export const tagKey = text({ min: 1, max: 128, pattern: '^(?!aws:)[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@%]*$' })
export const tagValue = text({ min: 0, max: 256, pattern: '^[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@%]*$' })
export const deliveryStreamARN = text({
  min: 1,
  max: 512,
  pattern: 'arn:.*:firehose:[a-zA-Z0-9\\-]+:\\d{12}:deliverystream/[a-zA-Z0-9._-]+',
})
export const describeDeliveryStreamInputLimit = integer({ min: 1, max: 10000 })
export const destinationId = text({ min: 1, max: 100, pattern: '[a-zA-Z0-9-]+' })
export const deliveryStreamStatus = choice(
  'CREATING',
  'CREATING_FAILED',
  'DELETING',
  'DELETING_FAILED',
  'ACTIVE',
)
export const deliveryStreamFailureType = choice(
  'VPC_ENDPOINT_SERVICE_NAME_NOT_FOUND',
  'VPC_INTERFACE_ENDPOINT_SERVICE_ACCESS_DENIED',
  'RETIRE_KMS_GRANT_FAILED',
  'CREATE_KMS_GRANT_FAILED',
  'KMS_ACCESS_DENIED',
  'DISABLED_KMS_KEY',
  'INVALID_KMS_KEY',
  'KMS_KEY_NOT_FOUND',
  'KMS_OPT_IN_REQUIRED',
  'CREATE_ENI_FAILED',
  'DELETE_ENI_FAILED',
  'SUBNET_NOT_FOUND',
  'SECURITY_GROUP_NOT_FOUND',
  'ENI_ACCESS_DENIED',
  'SUBNET_ACCESS_DENIED',
  'SECURITY_GROUP_ACCESS_DENIED',
  'UNKNOWN_ERROR',
)
export const deliveryStreamEncryptionStatus = choice(
  'ENABLED',
  'ENABLING',
  'ENABLING_FAILED',
  'DISABLED',
  'DISABLING',
  'DISABLING_FAILED',
)
export const deliveryStreamVersionId = text({ min: 1, max: 50, pattern: '[0-9]+' })
export const listDeliveryStreamsInputLimit = integer({ min: 1, max: 10000 })
export const listTagsForDeliveryStreamInputLimit = integer({ min: 1, max: 50 })
export const recordData = blob({ min: 0, max: 1024000 })
export const putResponseRecordId = text({ min: 1 })
export const errorCode = text({})
export const errorMessage = text({})
