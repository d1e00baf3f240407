// The public names of the app: what `import … from '@millrace/kinesis'` gives.
export { endpointDefaults, type EndpointSettings } from './settings.ts'
export { errors, KinesisError, type ErrorName } from './model/errors.ts'
export { operations, type OperationName } from './model/operations.ts'
export type { Call, Caller, Handler, Handlers, HandlersOf } from './call.ts'
