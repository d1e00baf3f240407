// Delivery streams, their sources, tags and records. Pure.
import { boolean, list, optional, required, structure, timestamp } from '../../model/shape.ts'
import { httpEndpointDestinationDescription } from './http-shapes.ts'
import { opaque } from './opaque.ts'
import { extendedS3DestinationDescription, s3DestinationDescription } from './s3-shapes.ts'
import {
  awskmsKeyARN,
  deliveryStreamARN,
  deliveryStreamEncryptionStatus,
  deliveryStreamFailureType,
  deliveryStreamName,
  deliveryStreamStatus,
  deliveryStreamType,
  deliveryStreamVersionId,
  destinationId,
  errorCode,
  errorMessage,
  keyType,
  kinesisStreamARN,
  nonEmptyString,
  putResponseRecordId,
  recordData,
  roleARN,
  tagKey,
  tagValue,
  throughputHintInMBs,
} from './values.ts'

export const directPutSourceConfiguration = structure({ ThroughputHintInMBs: required(throughputHintInMBs) })
export const kinesisStreamSourceConfiguration = structure({
  KinesisStreamARN: required(kinesisStreamARN),
  RoleARN: required(roleARN),
})
export const deliveryStreamEncryptionConfigurationInput = structure({
  KeyARN: optional(awskmsKeyARN),
  KeyType: required(keyType),
})
export const tag = structure({ Key: required(tagKey), Value: optional(tagValue) })
export const tagDeliveryStreamInputTagList = list(tag, { min: 1, max: 50 })
export const failureDescription = structure({
  Type: required(deliveryStreamFailureType),
  Details: required(nonEmptyString),
})
export const deliveryStreamEncryptionConfiguration = structure({
  KeyARN: optional(awskmsKeyARN),
  KeyType: optional(keyType),
  Status: optional(deliveryStreamEncryptionStatus),
  FailureDescription: optional(failureDescription),
})
export const directPutSourceDescription = structure({ ThroughputHintInMBs: optional(throughputHintInMBs) })
export const kinesisStreamSourceDescription = structure({
  KinesisStreamARN: optional(kinesisStreamARN),
  RoleARN: optional(roleARN),
  DeliveryStartTimestamp: optional(timestamp),
})
export const sourceDescription = structure({
  DirectPutSourceDescription: optional(directPutSourceDescription),
  KinesisStreamSourceDescription: optional(kinesisStreamSourceDescription),
  MSKSourceDescription: optional(opaque),
  DatabaseSourceDescription: optional(opaque),
})
export const destinationDescription = structure({
  DestinationId: required(destinationId),
  S3DestinationDescription: optional(s3DestinationDescription),
  ExtendedS3DestinationDescription: optional(extendedS3DestinationDescription),
  RedshiftDestinationDescription: optional(opaque),
  ElasticsearchDestinationDescription: optional(opaque),
  AmazonopensearchserviceDestinationDescription: optional(opaque),
  SplunkDestinationDescription: optional(opaque),
  HttpEndpointDestinationDescription: optional(httpEndpointDestinationDescription),
  SnowflakeDestinationDescription: optional(opaque),
  AmazonOpenSearchServerlessDestinationDescription: optional(opaque),
  IcebergDestinationDescription: optional(opaque),
})
export const destinationDescriptionList = list(destinationDescription, {})
export const deliveryStreamDescription = structure({
  DeliveryStreamName: required(deliveryStreamName),
  DeliveryStreamARN: required(deliveryStreamARN),
  DeliveryStreamStatus: required(deliveryStreamStatus),
  FailureDescription: optional(failureDescription),
  DeliveryStreamEncryptionConfiguration: optional(deliveryStreamEncryptionConfiguration),
  DeliveryStreamType: required(deliveryStreamType),
  VersionId: required(deliveryStreamVersionId),
  CreateTimestamp: optional(timestamp),
  LastUpdateTimestamp: optional(timestamp),
  Source: optional(sourceDescription),
  Destinations: required(destinationDescriptionList),
  HasMoreDestinations: required(boolean),
})
export const deliveryStreamNameList = list(deliveryStreamName, {})
export const listTagsForDeliveryStreamOutputTagList = list(tag, { min: 0, max: 50 })
export const firehoseRecord = structure({ Data: required(recordData) })
export const putRecordBatchRequestEntryList = list(firehoseRecord, { min: 1, max: 500 })
export const putRecordBatchResponseEntry = structure({
  RecordId: optional(putResponseRecordId),
  ErrorCode: optional(errorCode),
  ErrorMessage: optional(errorMessage),
})
export const putRecordBatchResponseEntryList = list(putRecordBatchResponseEntry, { min: 1, max: 500 })
export const tagKeyList = list(tagKey, { min: 1, max: 50 })
