// The operations on tags and encryption. Pure data.
import { boolean, optional, required, structure } from '../../../model/shape.ts'
import {
  deliveryStreamEncryptionConfigurationInput,
  listTagsForDeliveryStreamOutputTagList,
  tagDeliveryStreamInputTagList,
  tagKeyList,
} from '../stream-shapes.ts'
import { deliveryStreamName, listTagsForDeliveryStreamInputLimit, tagKey } from '../values.ts'
import type { FirehoseFamily } from '../operation.ts'

export const tagsOperations = {
  TagDeliveryStream: {
    doc: 'Adds tags.',
    input: structure({
      DeliveryStreamName: required(deliveryStreamName),
      Tags: required(tagDeliveryStreamInputTagList),
    }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'LimitExceededException',
    ],
  },
  UntagDeliveryStream: {
    doc: 'Removes tags.',
    input: structure({ DeliveryStreamName: required(deliveryStreamName), TagKeys: required(tagKeyList) }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'LimitExceededException',
    ],
  },
  ListTagsForDeliveryStream: {
    doc: 'Lists tags, a page at a time.',
    input: structure({
      DeliveryStreamName: required(deliveryStreamName),
      ExclusiveStartTagKey: optional(tagKey),
      Limit: optional(listTagsForDeliveryStreamInputLimit),
    }),
    output: structure({
      Tags: required(listTagsForDeliveryStreamOutputTagList),
      HasMoreTags: required(boolean),
    }),
    errors: ['ResourceNotFoundException', 'InvalidArgumentException', 'LimitExceededException'],
  },
  StartDeliveryStreamEncryption: {
    doc: 'Turns on encryption.',
    support: 'The choice is kept and shown; nothing is encrypted by it, and no key service is asked.',
    input: structure({
      DeliveryStreamName: required(deliveryStreamName),
      DeliveryStreamEncryptionConfigurationInput: optional(deliveryStreamEncryptionConfigurationInput),
    }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'LimitExceededException',
      'InvalidKMSResourceException',
    ],
  },
  StopDeliveryStreamEncryption: {
    doc: 'Turns off encryption.',
    support: 'Ends what StartDeliveryStreamEncryption shows.',
    input: structure({ DeliveryStreamName: required(deliveryStreamName) }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'LimitExceededException',
    ],
  },
} as const satisfies FirehoseFamily
