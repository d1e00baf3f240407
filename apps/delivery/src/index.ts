// The public names of the app: what `import … from '@millrace/delivery'` gives.
export { serveApp } from './app.ts'
export type { BatchOutcome, BatchSink, SinkBatch } from './destinations/batch-sink.ts'
export type { ObjectContent, ObjectStore, StoredObject } from './destinations/object-store.ts'
export { rawEncoder, type EncodedObject, type ObjectEncoder, type Spooled } from './engine/object-encoder.ts'
export {
  identityPipeline,
  type DeliveredRecord,
  type Pipeline,
  type PipelineResult,
} from './engine/pipeline.ts'
export type { SourceRecord } from './engine/source-record.ts'
export { DeliveryFault, type FaultCode } from './errors/delivery-fault.ts'
export type { ErrorRecord, ErrorType } from './errors/error-record.ts'
export { partitionText, partitionValues, type PartitionValues } from './naming/partition-values.ts'
export type { DeliveryOptions } from './options.ts'
