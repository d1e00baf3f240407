// Implements `ServerMetrics` and `HostMetrics`, which server and host call, over the instruments. Runs in controller and
// host. It does not import those interfaces: the composition roots check that the types fit.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import type { OperationName } from '../../protocol/operations.ts'
import type { Instruments } from './instruments.ts'

/** Makes the counters that the server of a process calls. */
export function countServer(instruments: Instruments) {
  const received = instruments.millrace_received_bytes_total
  const sent = instruments.millrace_sent_bytes_total
  const requests = instruments.millrace_requests_total
  return {
    connectionOpened: () => {
      instruments.millrace_connections_opened_total.add(1)
      instruments.millrace_connections.add(1)
    },
    connectionRefused: () => instruments.millrace_connections_refused_total.add(1),
    connectionClosed: (reason: string) => {
      instruments.millrace_connections_closed_total.add(1, reason)
      instruments.millrace_connections.add(-1)
    },
    requestReceived: (operation: OperationName) => requests.add(1, operation),
    errorSent: (code: ErrorCode) => instruments.millrace_errors_total.add(1, code),
    bytesReceived: (count: number) => received.add(count),
    bytesSent: (count: number) => sent.add(count),
    outputQueued: (bytes: number) => instruments.millrace_queued_output_bytes.set(bytes),
  }
}

/** Makes the counters that a shard host calls. Times are in milliseconds. */
export function countHost(instruments: Instruments) {
  return {
    appended: (batches: number, records: number, bytes: number) => {
      instruments.millrace_appended_batches_total.add(batches)
      instruments.millrace_appended_records_total.add(records)
      instruments.millrace_appended_bytes_total.add(bytes)
    },
    duplicates: (batches: number) => instruments.millrace_duplicate_batches_total.add(batches),
    refused: (code: ErrorCode, batches: number) =>
      instruments.millrace_refused_batches_total.add(batches, code),
    appendAnswered: (ms: number) => instruments.millrace_append_seconds.observe(ms / 1000),
    groupAnswered: (ms: number) => instruments.millrace_append_group_seconds.observe(ms / 1000),
    fetched: (batches: number, bytes: number, ms: number) => {
      instruments.millrace_fetches_total.add(1)
      instruments.millrace_fetched_batches_total.add(batches)
      instruments.millrace_fetched_bytes_total.add(bytes)
      instruments.millrace_fetch_seconds.observe(ms / 1000)
    },
    pushed: (batches: number, bytes: number) => {
      instruments.millrace_pushed_batches_total.add(batches)
      instruments.millrace_pushed_bytes_total.add(bytes)
    },
    cacheHit: () => instruments.millrace_tail_cache_reads_total.add(1, 'hit'),
    cacheMiss: () => instruments.millrace_tail_cache_reads_total.add(1, 'miss'),
    coldRead: (bytes: number, ms: number) => {
      instruments.millrace_cold_read_bytes_total.add(bytes)
      instruments.millrace_cold_read_seconds.observe(ms / 1000)
    },
    throttledRead: () => instruments.millrace_throttled_reads_total.add(1),
    segmentsRemoved: (segments: number, bytes: number) => {
      instruments.millrace_removed_segments_total.add(segments)
      instruments.millrace_removed_bytes_total.add(bytes)
    },
    compactionEnded: (result: string, freedBytes: number) => {
      instruments.millrace_compactions_total.add(1, result)
      instruments.millrace_removed_bytes_total.add(Math.max(0, freedBytes))
    },
    subscriptionEnded: (reason: string) => instruments.millrace_subscriptions_ended_total.add(1, reason),
  }
}

/** The gauges of a host, read at a scrape. */
export interface HostReadings {
  readonly shards: number
  readonly subscriptions: number
  /** Fetches that wait for data. */
  readonly waitingFetches: number
  /** Bytes of batches that owners have taken and not yet answered, over all owners. */
  readonly appendQueueBytes: number
  readonly tailCacheBytes: number
  readonly coldReadsRunning: number
  readonly coldReadsWaiting: number
  /** True while free space is below the floor and appends are refused. */
  readonly storageFull: boolean
  /** Bytes of stored batches, expired ones included, as far as sealed segments were surveyed. */
  readonly storedBytes: number
  /** Bytes read and written since the start; `part` is how much of the compaction under way is done, 0 to 1. */
  readonly compaction: { readonly bytesRead: number; readonly bytesWritten: number; readonly part: number }
  readonly owners: readonly {
    readonly ownerId: number
    /** How long the oldest call to the owner has been waiting for its answer. */
    readonly waitingMs: number
    /** Absent where the owner did not answer in time. */
    readonly stats?: {
      readonly commits: number
      readonly commitMs: number
      readonly batches: number
      readonly bytes: number
      readonly segments: number
      readonly producers: number
    }
  }[]
}

/** Sets the gauges of a host, just before its metrics are collected. */
export function readHost(instruments: Instruments, host: HostReadings): void {
  instruments.millrace_shards.set(host.shards)
  instruments.millrace_subscriptions.set(host.subscriptions)
  instruments.millrace_waiting_fetches.set(host.waitingFetches)
  instruments.millrace_append_queue_bytes.set(host.appendQueueBytes)
  instruments.millrace_tail_cache_bytes.set(host.tailCacheBytes)
  instruments.millrace_cold_reads.set(host.coldReadsRunning, 'running')
  instruments.millrace_cold_reads.set(host.coldReadsWaiting, 'waiting')
  instruments.millrace_storage_full.set(host.storageFull ? 1 : 0)
  instruments.millrace_stored_bytes.set(host.storedBytes)
  instruments.millrace_compacted_bytes_total.advanceTo(host.compaction.bytesRead, 'read')
  instruments.millrace_compacted_bytes_total.advanceTo(host.compaction.bytesWritten, 'written')
  instruments.millrace_compaction_progress.set(host.compaction.part)
  for (const { ownerId, waitingMs, stats } of host.owners) {
    const owner = String(ownerId)
    instruments.millrace_owner_waiting_seconds.set(waitingMs / 1000, owner)
    if (stats === undefined) continue
    instruments.millrace_owner_producers.set(stats.producers, owner)
    const { commits, commitMs, batches, bytes, segments } = stats
    instruments.millrace_owner_commits_total.advanceTo(commits, owner)
    instruments.millrace_owner_commit_seconds_total.advanceTo(commitMs / 1000, owner)
    instruments.millrace_owner_batches_total.advanceTo(batches, owner)
    instruments.millrace_owner_bytes_total.advanceTo(bytes, owner)
    instruments.millrace_owner_segments.set(segments, owner)
  }
}
