// The one table of metrics. Runs in controller and host; pure data. Instruments, their types, the answer of /metrics and
// docs/metrics.md derive from it. Names end in their unit; no label has an unbounded number of values.

import { processMetrics } from './process-metrics.ts'
import { limits } from '../../protocol/limits.ts'
import { accessMetrics } from './access-metrics.ts'
import { consumerMetrics } from './consumer-metrics.ts'
import { groupMetrics } from './group-metrics.ts'
import { tlsMetrics } from './tls-metrics.ts'

export interface Metric {
  /** counter: only rises. gauge: rises and falls. histogram: durations or sizes, in buckets. */
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** At most one label: a call with several would make an array of them. */
  readonly labels: readonly [] | readonly [string]
  /** Upper bounds of the buckets of a histogram. */
  readonly buckets?: readonly number[]
  /** Which process measures it; in /metrics, a host's metrics carry its number as the label `host`. */
  readonly from: 'both' | 'controller' | 'host'
}

/** Buckets in seconds, from a flush on a fast drive to a wait that a user notices. */
const seconds = [
  0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16,
] as const

export const metrics = {
  // Connections and requests: both processes.
  millrace_connections: { kind: 'gauge', help: 'Open connections.', labels: [], from: 'both' },
  millrace_connections_opened_total: {
    kind: 'counter',
    help: 'Connections accepted.',
    labels: [],
    from: 'both',
  },
  millrace_connections_refused_total: {
    kind: 'counter',
    help: 'Connections turned away because max-connections was reached.',
    labels: [],
    from: 'both',
  },
  millrace_connections_closed_total: {
    kind: 'counter',
    help: 'Connections that ended, by reason: the client left, the network failed, a shutdown, or an error code.',
    labels: ['reason'],
    from: 'both',
  },
  millrace_logins_failed_total: { kind: 'counter', help: 'Tokens refused.', labels: [], from: 'both' },
  ...tlsMetrics,
  millrace_requests_total: {
    kind: 'counter',
    help: 'Requests received.',
    labels: ['operation'],
    from: 'both',
  },
  millrace_errors_total: { kind: 'counter', help: 'Errors answered.', labels: ['code'], from: 'both' },
  millrace_received_bytes_total: {
    kind: 'counter',
    help: 'Bytes read from connections.',
    labels: [],
    from: 'both',
  },
  millrace_sent_bytes_total: {
    kind: 'counter',
    help: 'Bytes written to connections.',
    labels: [],
    from: 'both',
  },
  millrace_queued_output_bytes: {
    kind: 'gauge',
    help: 'Memory of the buffers that hold what waits to be sent to all clients together.',
    labels: [],
    from: 'both',
  },

  ...accessMetrics,

  // Catalog and supervision: the controller.
  millrace_streams: {
    kind: 'gauge',
    help: 'Streams, those being created or deleted included.',
    labels: [],
    from: 'controller',
  },
  millrace_catalog_shards: {
    kind: 'gauge',
    help: 'Shards of all streams.',
    labels: [],
    from: 'controller',
  },
  millrace_catalog_commit_seconds: {
    kind: 'histogram',
    help: 'Time to make a change of the catalog durable.',
    labels: [],
    buckets: seconds,
    from: 'controller',
  },
  millrace_small_commit_seconds: {
    kind: 'histogram',
    help: 'Time to make small rows durable, such as documents: one flush, whatever number of changes share it.',
    labels: [],
    buckets: seconds,
    from: 'controller',
  },
  millrace_documents: {
    kind: 'gauge',
    help: `Documents of all kinds; at ${limits.documentsMax}, or ${limits.documentsPerKindMax} of one kind, new ones are answered limitExceeded.`,
    labels: [],
    from: 'controller',
  },
  millrace_document_bytes: {
    kind: 'gauge',
    help: `Bytes that documents take where they are stored; at ${limits.documentsStoredBytesMax}, larger ones are answered limitExceeded.`,
    labels: [],
    from: 'controller',
  },
  ...groupMetrics,
  ...consumerMetrics,
  ...processMetrics,
  millrace_free_bytes: {
    kind: 'gauge',
    help: 'Free space where the data directory lies.',
    labels: [],
    from: 'controller',
  },

  // Capacity: the controller.
  millrace_reshards_total: {
    kind: 'counter',
    help: 'Changes of the shards of a stream that were carried out, by cause: split, merge, scale, autoscale or renew.',
    labels: ['cause'],
    from: 'controller',
  },
  millrace_reshard_seconds: {
    kind: 'histogram',
    help: 'Time from the decision on a change of shards until the children took records.',
    labels: [],
    buckets: seconds,
    from: 'controller',
  },
  millrace_expired_shards_total: {
    kind: 'counter',
    help: 'Closed shards that were removed after their last record had expired.',
    labels: [],
    from: 'controller',
  },
  millrace_hot_shards: {
    kind: 'gauge',
    help: 'Shards of which one hash key alone takes more than a shard is meant to: isolate that key.',
    labels: [],
    from: 'controller',
  },

  millrace_stamped_ahead_shards: {
    kind: 'gauge',
    help: 'Shards whose newest stamps lie ahead of the clock, as a clock that was wrong has left them: they are put right soon.',
    labels: [],
    from: 'controller',
  },

  // Appending: hosts.
  millrace_appended_batches_total: {
    kind: 'counter',
    help: 'Batches stored and flushed.',
    labels: [],
    from: 'host',
  },
  millrace_appended_records_total: {
    kind: 'counter',
    help: 'Records stored and flushed.',
    labels: [],
    from: 'host',
  },
  millrace_appended_bytes_total: {
    kind: 'counter',
    help: 'Bytes of batches stored and flushed.',
    labels: [],
    from: 'host',
  },
  millrace_duplicate_batches_total: {
    kind: 'counter',
    help: 'Batches of idempotent producers that had been stored before.',
    labels: [],
    from: 'host',
  },
  millrace_refused_batches_total: {
    kind: 'counter',
    help: 'Batches that were not stored, or of unknown outcome.',
    labels: ['code'],
    from: 'host',
  },
  millrace_append_seconds: {
    kind: 'histogram',
    help: 'Time from the arrival of an append request to its answer.',
    labels: [],
    buckets: seconds,
    from: 'host',
  },
  millrace_append_group_seconds: {
    kind: 'histogram',
    help: 'Time that an owner took for what was appended in one turn: queue, write and flush.',
    labels: [],
    buckets: seconds,
    from: 'host',
  },
  millrace_append_queue_bytes: {
    kind: 'gauge',
    help: 'Bytes that wait for the disk; at append-queue-size, producers are answered overloaded.',
    labels: [],
    from: 'host',
  },

  // Reading: hosts.
  millrace_fetches_total: { kind: 'counter', help: 'Fetches answered.', labels: [], from: 'host' },
  millrace_fetched_batches_total: {
    kind: 'counter',
    help: 'Batches answered to fetches.',
    labels: [],
    from: 'host',
  },
  millrace_fetched_bytes_total: {
    kind: 'counter',
    help: 'Bytes of batches answered to fetches.',
    labels: [],
    from: 'host',
  },
  millrace_fetch_seconds: {
    kind: 'histogram',
    help: 'Time from a fetch to its answer, waiting for data included.',
    labels: [],
    buckets: seconds,
    from: 'host',
  },
  millrace_pushed_batches_total: {
    kind: 'counter',
    help: 'Batches sent to subscriptions.',
    labels: [],
    from: 'host',
  },
  millrace_pushed_bytes_total: {
    kind: 'counter',
    help: 'Bytes of batches sent to subscriptions.',
    labels: [],
    from: 'host',
  },
  millrace_tail_cache_reads_total: {
    kind: 'counter',
    help: 'Reads that found their batches in memory (hit) or went to the disk (miss).',
    labels: ['result'],
    from: 'host',
  },
  millrace_cold_read_bytes_total: {
    kind: 'counter',
    help: 'Bytes read from segments.',
    labels: [],
    from: 'host',
  },
  millrace_cold_read_seconds: {
    kind: 'histogram',
    help: 'Time of one read from segments, queueing included.',
    labels: [],
    buckets: seconds,
    from: 'host',
  },
  millrace_cold_reads: {
    kind: 'gauge',
    help: 'Reads from segments that run or wait for a reader thread.',
    labels: ['state'],
    from: 'host',
  },
  millrace_waiting_fetches: {
    kind: 'gauge',
    help: 'Fetches that wait for data.',
    labels: [],
    from: 'host',
  },
  millrace_subscriptions: { kind: 'gauge', help: 'Open subscriptions.', labels: [], from: 'host' },
  millrace_subscriptions_ended_total: {
    kind: 'counter',
    help: 'Subscriptions that ended, by reason: ended with its closed shard, unsubscribed, closed with its session, or an error code.',
    labels: ['reason'],
    from: 'host',
  },
  millrace_tail_cache_bytes: {
    kind: 'gauge',
    help: 'Memory of the newest batches.',
    labels: [],
    from: 'host',
  },

  millrace_throttled_reads_total: {
    kind: 'counter',
    help: 'Fetches of a shard that were refused because its read limit was used up.',
    labels: [],
    from: 'host',
  },

  // Retention and compaction: hosts.
  millrace_stored_bytes: {
    kind: 'gauge',
    help: 'Bytes of batches that are stored, expired ones that still take space included.',
    labels: [],
    from: 'host',
  },
  millrace_removed_segments_total: {
    kind: 'counter',
    help: 'Segments removed because nothing in them was wanted any more.',
    labels: [],
    from: 'host',
  },
  millrace_removed_bytes_total: {
    kind: 'counter',
    help: 'Bytes on the disk that the removal of segments gave back, compacted ones included.',
    labels: [],
    from: 'host',
  },
  millrace_compactions_total: {
    kind: 'counter',
    help: 'Compactions that ended, by result: done, stopped, or an error code.',
    labels: ['result'],
    from: 'host',
  },
  millrace_compacted_bytes_total: {
    kind: 'counter',
    help: 'Bytes that compaction has read and written.',
    labels: ['direction'],
    from: 'host',
  },
  millrace_compaction_progress: {
    kind: 'gauge',
    help: 'How much of the compaction under way is done, 0 to 1; 0 while none is.',
    labels: [],
    from: 'host',
  },

  // Storage: hosts.
  millrace_shards: { kind: 'gauge', help: 'Shards served.', labels: [], from: 'host' },
  millrace_storage_full: {
    kind: 'gauge',
    help: '1 while free space is below free-space-floor and appends are refused, else 0.',
    labels: [],
    from: 'host',
  },
  millrace_owner_commits_total: {
    kind: 'counter',
    help: 'Group commits of an owner, each with one flush.',
    labels: ['owner'],
    from: 'host',
  },
  millrace_owner_commit_seconds_total: {
    kind: 'counter',
    help: 'Time in group commits; by millrace_owner_commits_total, the mean of one.',
    labels: ['owner'],
    from: 'host',
  },
  millrace_owner_batches_total: {
    kind: 'counter',
    help: 'Batches that an owner stored; by its commits, how many share a flush.',
    labels: ['owner'],
    from: 'host',
  },
  millrace_owner_bytes_total: {
    kind: 'counter',
    help: 'Bytes that an owner stored.',
    labels: ['owner'],
    from: 'host',
  },
  millrace_owner_waiting_seconds: {
    kind: 'gauge',
    help: 'How long an owner has let its oldest unanswered call wait; far above the time of a commit, its disk or its thread hangs.',
    labels: ['owner'],
    from: 'host',
  },
  millrace_owner_segments: {
    kind: 'gauge',
    help: 'Segments of an owner.',
    labels: ['owner'],
    from: 'host',
  },
  millrace_owner_producers: {
    kind: 'gauge',
    help: `Producers that an owner remembers, each once a shard; at ${limits.producersPerOwnerMax}, or where a client has its share of them, new ones are answered tooManyProducers.`,
    labels: ['owner'],
    from: 'host',
  },
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof metrics
