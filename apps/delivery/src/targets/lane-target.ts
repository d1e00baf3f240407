// Where records of a lane go, and how: objects of a store, or batches of a sink. Types only. A lane is what has a buffer of its own: a
// partition, a type of errors, the backup.
import type { WriteSteps } from '../destinations/object-store.ts'
import type { PendingObject } from '../progress/shard-progress.ts'
import type { SourceRecord } from '../engine/source-record.ts'

/** Consecutive records of a lane in a shard. */
export interface LaneRange {
  readonly from: number
  readonly to: number
  /** When the oldest one arrived. */
  readonly ms: number
}

/** What was written. */
export interface Written {
  readonly objects: number
  readonly bytes: number
  /** Records that went to the errors. */
  readonly failed: number
}

export interface WriteOptions extends Required<Pick<WriteSteps, 'prepared'>> {
  /** Makes a plan of the sink durable. */
  readonly keep: (plan: unknown) => Promise<void>
  readonly signal: AbortSignal
}

/** Records of one object, or of one batch, on their way. */
export interface LaneHeap {
  /** Before compression. */
  readonly bytes: number
  readonly records: number
  readonly memoryBytes: number
  /** Takes a record, and returns its bytes. */
  put(record: SourceRecord, data: Uint8Array): number
  spill(): Promise<void>
  /** Fulfils when all is there to stay. May be called again. */
  write(fixed: PendingObject, options: WriteOptions): Promise<Written>
  release(): Promise<void>
}

export interface LaneTarget {
  /** A heap with so many bytes or records is full. */
  readonly bytesMax: number
  readonly recordsMax: number
  /** Returns the names of an object; undefined where they are too long. */
  keysOf(range: LaneRange): Pick<PendingObject, 'key' | 'errorKey'> | undefined
  open(): LaneHeap
  /** Takes back what may have been written under these keys. */
  withdraw(fixed: PendingObject, signal: AbortSignal): Promise<void>
  /** True if it was written in an earlier life. */
  isThere(fixed: PendingObject, signal: AbortSignal): Promise<boolean>
}

/** All targets of a delivery. */
export interface LaneTargets {
  /** Writes at a time, for one shard. Where order counts, 1. */
  readonly writesMax: number
  /** Of one lane, where it has no buffers. */
  readonly eagerMax: number
  main(partition: string): LaneTarget
  /** Undefined where there is no place for errors. */
  errors(type: string): LaneTarget | undefined
  /** Where all source records go too. */
  readonly backup: LaneTarget | undefined
}
