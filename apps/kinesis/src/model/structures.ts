// Structures and lists of the API, of which the operations are made. Pure.
import {
  boolean,
  eventStream,
  list,
  map,
  namedStructure,
  optional,
  required,
  structure,
  timestamp,
} from './shape.ts'
import {
  streamName,
  streamMode,
  tagKey,
  tagValue,
  naturalIntegerObject,
  maxRecordSizeInKib,
  recordDistributionStrategy,
  streamArn,
  streamId,
  shardId,
  streamStatus,
  hashKey,
  sequenceNumber,
  retentionPeriodHours,
  metricsName,
  encryptionType,
  keyId,
  shardCountObject,
  consumerCountObject,
  channelCountObject,
  shardFilterType,
  minimumThroughputBillingCommitmentOutputStatus,
  minimumThroughputBillingCommitmentInputStatus,
  data,
  partitionKey,
  errorCode,
  errorMessage,
  shardIteratorType,
  millisBehindLatest,
  consumerName,
  consumerArn,
  consumerStatus,
} from './values.ts'

export const streamModeDetails = structure({ StreamMode: required(streamMode) })
export const tagMap = map(tagKey, tagValue, { min: 1, max: 200 })
export const hashKeyRange = structure({
  StartingHashKey: required(hashKey),
  EndingHashKey: required(hashKey),
})
export const sequenceNumberRange = structure({
  StartingSequenceNumber: required(sequenceNumber),
  EndingSequenceNumber: optional(sequenceNumber),
})
export const shard = structure({
  ShardId: required(shardId),
  ParentShardId: optional(shardId),
  AdjacentParentShardId: optional(shardId),
  HashKeyRange: required(hashKeyRange),
  SequenceNumberRange: required(sequenceNumberRange),
})
export const shardList = list(shard, {})
export const metricsNameList = list(metricsName, { min: 1, max: 7 })
export const enhancedMetrics = structure({ ShardLevelMetrics: optional(metricsNameList) })
export const enhancedMonitoringList = list(enhancedMetrics, {})
export const streamDescription = structure({
  StreamName: required(streamName),
  StreamARN: required(streamArn),
  StreamStatus: required(streamStatus),
  StreamModeDetails: optional(streamModeDetails),
  Shards: required(shardList),
  HasMoreShards: required(boolean),
  RetentionPeriodHours: required(retentionPeriodHours),
  StreamCreationTimestamp: required(timestamp),
  EnhancedMonitoring: required(enhancedMonitoringList),
  EncryptionType: optional(encryptionType),
  KeyId: optional(keyId),
})
export const warmThroughputObject = structure({
  TargetMiBps: optional(naturalIntegerObject),
  CurrentMiBps: optional(naturalIntegerObject),
})
export const streamDescriptionSummary = structure({
  StreamName: required(streamName),
  StreamARN: required(streamArn),
  StreamId: optional(streamId),
  StreamStatus: required(streamStatus),
  StreamModeDetails: optional(streamModeDetails),
  RetentionPeriodHours: required(retentionPeriodHours),
  StreamCreationTimestamp: required(timestamp),
  EnhancedMonitoring: required(enhancedMonitoringList),
  EncryptionType: optional(encryptionType),
  KeyId: optional(keyId),
  OpenShardCount: required(shardCountObject),
  ConsumerCount: optional(consumerCountObject),
  WarmThroughput: optional(warmThroughputObject),
  MaxRecordSizeInKiB: optional(maxRecordSizeInKib),
  ChannelCount: optional(channelCountObject),
  RecordDistributionStrategy: optional(recordDistributionStrategy),
})
export const streamNameList = list(streamName, {})
export const streamSummary = structure({
  StreamName: required(streamName),
  StreamARN: required(streamArn),
  StreamStatus: required(streamStatus),
  StreamModeDetails: optional(streamModeDetails),
  StreamCreationTimestamp: optional(timestamp),
})
export const streamSummaryList = list(streamSummary, {})
export const shardFilter = structure({
  Type: required(shardFilterType),
  ShardId: optional(shardId),
  Timestamp: optional(timestamp),
})
export const minimumThroughputBillingCommitmentOutput = structure({
  Status: required(minimumThroughputBillingCommitmentOutputStatus),
  StartedAt: optional(timestamp),
  EndedAt: optional(timestamp),
  EarliestAllowedEndAt: optional(timestamp),
})
export const minimumThroughputBillingCommitmentInput = structure({
  Status: required(minimumThroughputBillingCommitmentInputStatus),
})
export const putRecordsRequestEntry = namedStructure('PutRecordsRequestEntry', {
  PartitionKey: optional(partitionKey),
  ExplicitHashKey: optional(hashKey),
  Data: required(data),
})
export const putRecordsRequestEntryList = list(putRecordsRequestEntry, { min: 1, max: 500 })
export const putRecordsResultEntry = structure({
  SequenceNumber: optional(sequenceNumber),
  ShardId: optional(shardId),
  ErrorCode: optional(errorCode),
  ErrorMessage: optional(errorMessage),
})
export const putRecordsResultEntryList = list(putRecordsResultEntry, { min: 1, max: 500 })
export const record = structure({
  SequenceNumber: required(sequenceNumber),
  ApproximateArrivalTimestamp: optional(timestamp),
  Data: required(data),
  PartitionKey: optional(partitionKey),
  EncryptionType: optional(encryptionType),
})
export const recordList = list(record, {})
export const shardIdList = list(shardId, {})
export const childShard = structure({
  ShardId: required(shardId),
  ParentShards: required(shardIdList),
  HashKeyRange: required(hashKeyRange),
})
export const childShardList = list(childShard, {})
export const consumer = structure({
  ConsumerName: required(consumerName),
  ConsumerARN: required(consumerArn),
  ConsumerStatus: required(consumerStatus),
  ConsumerCreationTimestamp: required(timestamp),
})
export const consumerDescription = structure({
  ConsumerName: required(consumerName),
  ConsumerARN: required(consumerArn),
  ConsumerStatus: required(consumerStatus),
  ConsumerCreationTimestamp: required(timestamp),
  StreamARN: required(streamArn),
})
export const consumerList = list(consumer, {})
export const startingPosition = structure({
  Type: required(shardIteratorType),
  SequenceNumber: optional(sequenceNumber),
  Timestamp: optional(timestamp),
})
export const subscribeToShardEvent = structure({
  Records: required(recordList),
  // The model requires it, and the service leaves it out at the end of a shard: that is how clients know the end.
  ContinuationSequenceNumber: optional(sequenceNumber),
  MillisBehindLatest: required(millisBehindLatest),
  ChildShards: optional(childShardList),
})
export const subscribeToShardEventStream = eventStream({ SubscribeToShardEvent: subscribeToShardEvent })
export const tagKeyList = list(tagKey, { min: 1, max: 50 })
export const tag = structure({ Key: required(tagKey), Value: optional(tagValue) })
export const tagList = list(tag, { min: 0, max: 200 })
