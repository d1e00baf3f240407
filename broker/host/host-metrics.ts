// What a shard host counts and measures, as an interface of plain numbers. Host main thread.
// telemetry/ owns names, labels, buckets and the registry behind it. Nothing here is labelled by stream or session, so
// the number of series is bounded; every call is made at most once a group, a request or a delivery, never once a record.
import type { ErrorCode } from '../../protocol/error-codes.ts'

export interface HostMetrics {
  /** Batches stored and flushed, duplicates not counted. */
  appended(batches: number, records: number, bytes: number): void
  /** Batches that were stored before, and answered so. */
  duplicates(batches: number): void
  /** Batches refused, or of unknown outcome, by code. */
  refused(code: ErrorCode, batches: number): void
  /** An append request, from its arrival to its answer. */
  appendAnswered(ms: number): void
  /** One group of appends, from its posting to the owner to the owner's reply. */
  groupAnswered(ms: number): void
  /** A fetch was answered with so much; `ms` includes the time that it waited for data. */
  fetched(batches: number, bytes: number, ms: number): void
  /** Batches handed to a subscription. */
  pushed(batches: number, bytes: number): void
  /** A read that found its batches in the tail cache, or did not. */
  cacheHit(): void
  cacheMiss(): void
  /** One read from storage, queueing included. */
  coldRead(bytes: number, ms: number): void
  /** A fetch of a shard was refused because its limit is used up. */
  throttledRead(): void
  /** Segments in which nothing was wanted any more, and what they took on the disk. */
  segmentsRemoved(segments: number, bytes: number): void
  /** A compaction ended, and gave so much back. */
  compactionEnded(result: ErrorCode | 'done' | 'stopped', freedBytes: number): void
  /** How a subscription ended; `ended` at the end of a closed shard, `closed` with its session. */
  subscriptionEnded(why: ErrorCode | 'unsubscribed' | 'closed' | 'ended'): void
}
