// The public names of the app: what `import … from '@millrace/functions'` gives.
export { serveApp } from './app.ts'
export type { FunctionsOptions } from './options.ts'
export type {
  InvocationError,
  InvocationEvent,
  InvocationOptions,
  InvocationResult,
  Invoker,
} from './invocation.ts'
export type { PackedRecords } from './output/packed-records.ts'
export {
  answerKeys,
  packBatch,
  transferListOf,
  type EventSource,
  type KinesisBatch,
  type WindowOfCall,
} from './events/kinesis-batch.ts'
export { AnswerFault, takeOutput } from './output/answer.ts'
export {
  kinesisEvent,
  kinesisEventJson,
  type KinesisEvent,
  type KinesisEventRecord,
} from './events/kinesis-event.ts'
export { EVENT_BYTES_MAX, EVENT_FRAME_BYTES, recordEventBytes } from './events/event-size.ts'
