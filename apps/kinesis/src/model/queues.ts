// Operations on queues, which AWS documents and no shipped model has: not even SDKs of this year can call them. Pure data.
// They are answered with UnknownOperationException, like every name that is not in the table: it is what a service answers that does
// not have an operation, no client retries it, and there is no model that would say which other error their callers expect.

export const queueOperations = [
  'AcknowledgeDeadLetterQueueRecords',
  'AcknowledgeQueueRecords',
  'CreateQueue',
  'DeleteQueue',
  'DescribeQueue',
  'ListQueues',
  'ReceiveDeadLetterQueueRecords',
  'ReceiveQueueRecords',
  'RestoreDeadLetterQueueRecords',
  'UpdateDeadLetterQueueRecordsVisibility',
  'UpdateQueue',
  'UpdateQueueRecordsVisibility',
] as const
