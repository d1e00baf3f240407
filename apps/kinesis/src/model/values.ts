// Values of the API: texts, words and numbers with the bounds that the service publishes. Pure.
import { blob, choice, integer, long, text } from './shape.ts'

export const streamName = text({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' })
export const positiveIntegerObject = integer({ min: 1 })
export const streamMode = choice('PROVISIONED', 'ON_DEMAND')
export const tagKey = text({ min: 1, max: 128 })
export const tagValue = text({ min: 0, max: 256 })
export const naturalIntegerObject = integer({ min: 0 })
export const maxRecordSizeInKib = integer({ min: 1024, max: 10_240 })
export const recordDistributionStrategy = choice('AUTO', 'USER_PARTITION_KEY')
export const streamArn = text({ min: 1, max: 2048, pattern: 'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+' })
export const streamId = text({ min: 1, max: 24, pattern: '[a-z0-9]{20}-[a-z0-9]{3}' })
export const describeStreamInputLimit = integer({ min: 1, max: 10_000 })
export const shardId = text({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' })
export const streamStatus = choice('CREATING', 'DELETING', 'ACTIVE', 'UPDATING')
export const hashKey = text({ pattern: '^(0|([1-9]\\d{0,38}))$' })
export const sequenceNumber = text({ pattern: '^(0|([1-9]\\d{0,128}))$' })
/** The lower bound is not published; the service has it all the same. */
export const retentionPeriodHours = integer({ min: 1 })
export const metricsName = choice(
  'IncomingBytes',
  'IncomingRecords',
  'OutgoingBytes',
  'OutgoingRecords',
  'WriteProvisionedThroughputExceeded',
  'ReadProvisionedThroughputExceeded',
  'IteratorAgeMilliseconds',
  'ALL',
)
export const encryptionType = choice('NONE', 'KMS')
export const keyId = text({ min: 1, max: 2048 })
export const shardCountObject = integer({ min: 0, max: 1_000_000 })
export const consumerCountObject = integer({ min: 0, max: 1_000_000 })
export const channelCountObject = integer({ min: 0, max: 1_000_000 })
export const listStreamsInputLimit = integer({ min: 1, max: 10_000 })
export const nextToken = text({ min: 1, max: 1_048_576 })
export const listShardsInputLimit = integer({ min: 1, max: 10_000 })
export const shardFilterType = choice(
  'AFTER_SHARD_ID',
  'AT_TRIM_HORIZON',
  'FROM_TRIM_HORIZON',
  'AT_LATEST',
  'AT_TIMESTAMP',
  'FROM_TIMESTAMP',
)
export const scalingType = choice('UNIFORM_SCALING')
export const onDemandStreamCountObject = integer({ min: 0, max: 1_000_000 })
export const onDemandStreamCountLimitObject = integer({ min: 0, max: 1_000_000 })
export const minimumThroughputBillingCommitmentOutputStatus = choice(
  'ENABLED',
  'DISABLED',
  'ENABLED_UNTIL_EARLIEST_ALLOWED_END',
)
export const minimumThroughputBillingCommitmentInputStatus = choice('ENABLED', 'DISABLED')
export const data = blob({ min: 0, max: 10_485_760 })
export const partitionKey = text({ min: 1, max: 256 })
export const errorCode = text({})
export const errorMessage = text({})
export const shardIteratorType = choice(
  'AFTER_SEQUENCE_NUMBER',
  'LATEST',
  'AT_TIMESTAMP',
  'AT_SEQUENCE_NUMBER',
  'TRIM_HORIZON',
)
export const shardIterator = text({ min: 1, max: 512 })
export const getRecordsInputLimit = integer({ min: 1, max: 10_000 })
export const millisBehindLatest = long({ min: 0 })
export const consumerName = text({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' })
export const consumerArn = text({
  min: 1,
  max: 2048,
  pattern: '^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/[a-zA-Z0-9_.-]+:[0-9]+',
})
export const consumerStatus = choice('CREATING', 'DELETING', 'ACTIVE')
export const listStreamConsumersInputLimit = integer({ min: 1, max: 10_000 })
export const listTagsForStreamInputLimit = integer({ min: 1, max: 50 })
export const resourceArn = text({
  min: 1,
  max: 2048,
  pattern: 'arn:aws.*:kinesis:.*:\\d{12}:.*(stream|channel)/\\S+',
})
export const policy = text({})
