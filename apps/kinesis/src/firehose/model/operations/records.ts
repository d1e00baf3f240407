// The operations on records. Pure data.
import { boolean, optional, required, structure } from '../../../model/shape.ts'
import {
  firehoseRecord,
  putRecordBatchRequestEntryList,
  putRecordBatchResponseEntryList,
} from '../stream-shapes.ts'
import { deliveryStreamName, nonNegativeIntegerObject, putResponseRecordId } from '../values.ts'
import type { FirehoseFamily } from '../operation.ts'

export const recordsOperations = {
  PutRecord: {
    doc: 'Stores one record; answers when it is on disk.',
    input: structure({ DeliveryStreamName: required(deliveryStreamName), Record: required(firehoseRecord) }),
    output: structure({ RecordId: required(putResponseRecordId), Encrypted: optional(boolean) }),
    errors: [
      'ResourceNotFoundException',
      'InvalidArgumentException',
      'InvalidKMSResourceException',
      'InvalidSourceException',
      'ServiceUnavailableException',
    ],
  },
  PutRecordBatch: {
    doc: 'Stores up to 500 records; answers for each of them.',
    input: structure({
      DeliveryStreamName: required(deliveryStreamName),
      Records: required(putRecordBatchRequestEntryList),
    }),
    output: structure({
      FailedPutCount: required(nonNegativeIntegerObject),
      Encrypted: optional(boolean),
      RequestResponses: required(putRecordBatchResponseEntryList),
    }),
    errors: [
      'ResourceNotFoundException',
      'InvalidArgumentException',
      'InvalidKMSResourceException',
      'InvalidSourceException',
      'ServiceUnavailableException',
    ],
  },
} as const satisfies FirehoseFamily
