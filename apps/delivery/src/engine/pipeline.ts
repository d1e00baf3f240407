// What happens to records between the stream and the buffers: taken apart, transformed, assigned to partitions. Types, and the pipeline
// that changes nothing. A pipeline is asked again for the same records after a crash, and should then answer the same.
import type { ErrorRecord } from '../errors/error-record.ts'
import type { SourceRecord } from './source-record.ts'

/** A record on its way to the destination. */
export interface DeliveredRecord {
  readonly record: SourceRecord
  /** What the prefix stands on, as `partitionText` writes it; '' where nothing is partitioned. */
  readonly partition: string
  readonly data: Uint8Array
}

export interface PipelineResult {
  /** In the order of the source; undefined where all of the records go on as they are, without a partition. */
  readonly delivered: readonly DeliveredRecord[] | undefined
  /** In the order of the source; each with its `origin`. */
  readonly failed: readonly ErrorRecord[]
}

export interface Pipeline {
  /**
   * Takes consecutive records of one shard. Calls may overlap. Fulfils also where records fail: they are in the answer. Rejects only
   * where nothing can be said of the records now: the call is then made again.
   */
  process(records: readonly SourceRecord[], signal: AbortSignal): Promise<PipelineResult>
  close(): Promise<void>
}

/** The pipeline of a delivery that takes records as they are. */
export const identityPipeline: Pipeline = {
  process: () => Promise.resolve({ delivered: undefined, failed: [] }),
  close: () => Promise.resolve(),
}
