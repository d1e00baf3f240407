// The public names of the app: what `import … from '@millrace/kinesis'` gives.
export {
  createKinesisEndpoint,
  type EndpointBroker,
  type EndpointLoad,
  type KinesisEndpoint,
  type KinesisEndpointOptions,
} from './endpoint.ts'
export type { EndpointLog, EndpointLogEntry, EndpointParts } from './parts.ts'
export type { CertificateFiles } from 'millrace/app'
export type { Certificate } from './wire/listener.ts'
export { wireLimits, type WireLimits } from './wire/limits.ts'
export { endpointDefaults, type EndpointSettings } from './settings.ts'
export { errors, KinesisError, type ErrorName } from './model/errors.ts'
export { operations, type OperationName } from './model/operations.ts'
export type { Call, Caller, Handler, Handlers, HandlersOf } from './call.ts'
export { supportPage } from './model/support-page.ts'
