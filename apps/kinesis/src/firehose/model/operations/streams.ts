// The operations on delivery streams. Pure data.
import { boolean, optional, required, structure } from '../../../model/shape.ts'
import { httpEndpointDestinationConfiguration, httpEndpointDestinationUpdate } from '../http-shapes.ts'
import { opaque } from '../opaque.ts'
import {
  extendedS3DestinationConfiguration,
  extendedS3DestinationUpdate,
  s3DestinationConfiguration,
  s3DestinationUpdate,
} from '../s3-shapes.ts'
import {
  deliveryStreamDescription,
  deliveryStreamEncryptionConfigurationInput,
  deliveryStreamNameList,
  directPutSourceConfiguration,
  kinesisStreamSourceConfiguration,
  tagDeliveryStreamInputTagList,
} from '../stream-shapes.ts'
import {
  deliveryStreamARN,
  deliveryStreamName,
  deliveryStreamType,
  deliveryStreamVersionId,
  describeDeliveryStreamInputLimit,
  destinationId,
  listDeliveryStreamsInputLimit,
} from '../values.ts'
import type { FirehoseFamily } from '../operation.ts'

export const streamsOperations = {
  CreateDeliveryStream: {
    doc: 'Makes a delivery.',
    support:
      'What it names beyond S3 and HTTP endpoints is refused. The delivery is ACTIVE when the app delivery has taken it on, and CREATING_FAILED where that refuses it.',
    notes: {
      DeliveryStreamType:
        'DirectPut and KinesisStreamAsSource. Direct puts go into the stream `NAME.delivery`, on demand, which is made and deleted with the delivery.',
      DirectPutSourceConfiguration: 'Kept and shown: the stream behind grows with its load.',
      KinesisStreamSourceConfiguration:
        'Read from the moment of creation on; the caller must be allowed to read the stream.',
      DeliveryStreamEncryptionConfigurationInput: 'Kept and shown; nothing is encrypted by it.',
      RedshiftDestinationConfiguration: 'Refused by InvalidArgumentException.',
      ElasticsearchDestinationConfiguration: 'Refused by InvalidArgumentException.',
      AmazonopensearchserviceDestinationConfiguration: 'Refused by InvalidArgumentException.',
      AmazonOpenSearchServerlessDestinationConfiguration: 'Refused by InvalidArgumentException.',
      SplunkDestinationConfiguration: 'Refused by InvalidArgumentException.',
      SnowflakeDestinationConfiguration: 'Refused by InvalidArgumentException.',
      IcebergDestinationConfiguration: 'Refused by InvalidArgumentException.',
      MSKSourceConfiguration: 'Refused by InvalidArgumentException.',
      DatabaseSourceConfiguration: 'Refused by InvalidArgumentException.',
    },
    input: structure({
      DeliveryStreamName: required(deliveryStreamName),
      DeliveryStreamType: optional(deliveryStreamType),
      DirectPutSourceConfiguration: optional(directPutSourceConfiguration),
      KinesisStreamSourceConfiguration: optional(kinesisStreamSourceConfiguration),
      DeliveryStreamEncryptionConfigurationInput: optional(deliveryStreamEncryptionConfigurationInput),
      S3DestinationConfiguration: optional(s3DestinationConfiguration),
      ExtendedS3DestinationConfiguration: optional(extendedS3DestinationConfiguration),
      RedshiftDestinationConfiguration: optional(opaque),
      ElasticsearchDestinationConfiguration: optional(opaque),
      AmazonopensearchserviceDestinationConfiguration: optional(opaque),
      SplunkDestinationConfiguration: optional(opaque),
      HttpEndpointDestinationConfiguration: optional(httpEndpointDestinationConfiguration),
      Tags: optional(tagDeliveryStreamInputTagList),
      AmazonOpenSearchServerlessDestinationConfiguration: optional(opaque),
      MSKSourceConfiguration: optional(opaque),
      SnowflakeDestinationConfiguration: optional(opaque),
      IcebergDestinationConfiguration: optional(opaque),
      DatabaseSourceConfiguration: optional(opaque),
    }),
    output: structure({ DeliveryStreamARN: optional(deliveryStreamARN) }),
    errors: [
      'InvalidArgumentException',
      'LimitExceededException',
      'ResourceInUseException',
      'InvalidKMSResourceException',
    ],
  },
  DeleteDeliveryStream: {
    doc: 'Deletes a delivery; what it has delivered stays.',
    support:
      'The app delivery writes what waits, and then deletes; a delivery that no app has ever taken on is deleted at once.',
    notes: { AllowForceDelete: 'Ignored: there are no grants of keys to retire.' },
    input: structure({
      DeliveryStreamName: required(deliveryStreamName),
      AllowForceDelete: optional(boolean),
    }),
    output: structure({}),
    errors: ['ResourceInUseException', 'ResourceNotFoundException'],
  },
  DescribeDeliveryStream: {
    doc: 'Describes a delivery.',
    input: structure({
      DeliveryStreamName: required(deliveryStreamName),
      Limit: optional(describeDeliveryStreamInputLimit),
      ExclusiveStartDestinationId: optional(destinationId),
    }),
    output: structure({ DeliveryStreamDescription: required(deliveryStreamDescription) }),
    errors: ['ResourceNotFoundException'],
  },
  ListDeliveryStreams: {
    doc: 'Lists deliveries by name, a page at a time.',
    input: structure({
      Limit: optional(listDeliveryStreamsInputLimit),
      DeliveryStreamType: optional(deliveryStreamType),
      ExclusiveStartDeliveryStreamName: optional(deliveryStreamName),
    }),
    output: structure({
      DeliveryStreamNames: required(deliveryStreamNameList),
      HasMoreDeliveryStreams: required(boolean),
    }),
    errors: [],
  },
  UpdateDestination: {
    doc: 'Changes where and how records are delivered.',
    support: 'A delivery that was made through another door is changed there.',
    notes: {
      RedshiftDestinationUpdate: 'Refused by InvalidArgumentException.',
      ElasticsearchDestinationUpdate: 'Refused by InvalidArgumentException.',
      AmazonopensearchserviceDestinationUpdate: 'Refused by InvalidArgumentException.',
      AmazonOpenSearchServerlessDestinationUpdate: 'Refused by InvalidArgumentException.',
      SplunkDestinationUpdate: 'Refused by InvalidArgumentException.',
      SnowflakeDestinationUpdate: 'Refused by InvalidArgumentException.',
      IcebergDestinationUpdate: 'Refused by InvalidArgumentException.',
    },
    input: structure({
      DeliveryStreamName: required(deliveryStreamName),
      CurrentDeliveryStreamVersionId: required(deliveryStreamVersionId),
      DestinationId: required(destinationId),
      S3DestinationUpdate: optional(s3DestinationUpdate),
      ExtendedS3DestinationUpdate: optional(extendedS3DestinationUpdate),
      RedshiftDestinationUpdate: optional(opaque),
      ElasticsearchDestinationUpdate: optional(opaque),
      AmazonopensearchserviceDestinationUpdate: optional(opaque),
      SplunkDestinationUpdate: optional(opaque),
      HttpEndpointDestinationUpdate: optional(httpEndpointDestinationUpdate),
      AmazonOpenSearchServerlessDestinationUpdate: optional(opaque),
      SnowflakeDestinationUpdate: optional(opaque),
      IcebergDestinationUpdate: optional(opaque),
    }),
    output: structure({}),
    errors: [
      'InvalidArgumentException',
      'ResourceInUseException',
      'ResourceNotFoundException',
      'ConcurrentModificationException',
    ],
  },
} as const satisfies FirehoseFamily
