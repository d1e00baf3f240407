// The operations on tags. Pure data.
import type { OperationFamily } from './operation.ts'
import { boolean, optional, required, structure } from '../shape.ts'
import { tagKeyList, tagList, tagMap } from '../structures.ts'
import {
  listTagsForStreamInputLimit,
  resourceArn,
  streamArn,
  streamId,
  streamName,
  tagKey,
} from '../values.ts'

export const tagsOperations = {
  AddTagsToStream: {
    doc: 'Adds tags to a stream, or replaces their values.',
    plane: 'control',
    input: structure({
      Tags: required(tagMap),
      StreamName: optional(streamName),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'LimitExceededException',
      'AccessDeniedException',
    ],
  },
  RemoveTagsFromStream: {
    doc: 'Removes tags of a stream.',
    plane: 'control',
    input: structure({
      TagKeys: required(tagKeyList),
      StreamName: optional(streamName),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'LimitExceededException',
      'AccessDeniedException',
    ],
  },
  ListTagsForStream: {
    doc: 'Lists the tags of a stream, a page at a time.',
    plane: 'control',
    input: structure({
      Limit: optional(listTagsForStreamInputLimit),
      ExclusiveStartTagKey: optional(tagKey),
      StreamName: optional(streamName),
      StreamARN: optional(streamArn),
      StreamId: optional(streamId),
    }),
    output: structure({ Tags: required(tagList), HasMoreTags: required(boolean) }),
    errors: [
      'ResourceNotFoundException',
      'InvalidArgumentException',
      'LimitExceededException',
      'AccessDeniedException',
    ],
  },
  TagResource: {
    doc: 'Adds tags to a stream or consumer.',
    plane: 'control',
    input: structure({
      Tags: required(tagMap),
      ResourceARN: required(resourceArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'LimitExceededException',
      'AccessDeniedException',
    ],
  },
  UntagResource: {
    doc: 'Removes tags of a stream or consumer.',
    plane: 'control',
    input: structure({
      TagKeys: required(tagKeyList),
      ResourceARN: required(resourceArn),
      StreamId: optional(streamId),
    }),
    output: structure({}),
    errors: [
      'ResourceNotFoundException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'LimitExceededException',
      'AccessDeniedException',
    ],
  },
  ListTagsForResource: {
    doc: 'Lists the tags of a stream or consumer.',
    plane: 'control',
    input: structure({ ResourceARN: required(resourceArn), StreamId: optional(streamId) }),
    output: structure({ Tags: optional(tagList) }),
    errors: [
      'ResourceNotFoundException',
      'ResourceInUseException',
      'InvalidArgumentException',
      'LimitExceededException',
      'AccessDeniedException',
    ],
  },
} as const satisfies OperationFamily
