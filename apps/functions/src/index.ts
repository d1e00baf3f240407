// The public names of the app: what `import … from '@millrace/functions'` gives.
export { serveApp } from './app.ts'
export type { FunctionsOptions } from './options.ts'
export type { KinesisEvent, KinesisEventRecord } from './events/kinesis-event.ts'
