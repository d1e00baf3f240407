// A place that takes batches of records, and not objects: an HTTP endpoint, a stream. Types only. Faults are `DeliveryFault`s.
import type { DeliveredRecord } from '../engine/pipeline.ts'
import type { ErrorRecord } from '../errors/error-record.ts'

export interface SinkBatch {
  /** The same for the same records, in each attempt and after a crash. */
  readonly requestId: string
  readonly records: readonly DeliveredRecord[]
  /** What `keep` was given last for this batch, in an earlier life; undefined in the first. JSON. */
  readonly plan: unknown
  /** Fulfils when the plan is durable together with the batch. */
  readonly keep: (plan: unknown) => Promise<void>
}

export interface BatchOutcome {
  /** Records that were given up: they go to the errors. */
  readonly failed: readonly ErrorRecord[]
}

export interface BatchSink {
  /** Records of a batch at most. */
  readonly recordsMax: number
  /** A batch with so many bytes of data is full, whatever the buffer is. */
  readonly bytesMax: number
  /** Fulfils when the batch is taken, or given up. A retryable fault is met by another call with the same batch. */
  send(batch: SinkBatch, signal: AbortSignal): Promise<BatchOutcome>
  close(): Promise<void>
}
