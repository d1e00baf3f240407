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
  packBatch,
  transferListOf,
  type EventSource,
  type KinesisBatch,
  type WindowOfCall,
} from './events/kinesis-batch.ts'
