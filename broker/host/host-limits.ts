// Every bound of a shard host that is not a setting, in one table. Host main thread.
// protocol/limits.ts bounds what a client may ask for. These limits bound what the host does at once, so that no turn of the
// event loop is long and no peer can make memory grow.

const KiB = 1024
const MiB = 1024 * KiB
const SECOND_MS = 1000

export const hostLimits = {
  /** Bytes of one append call to an owner. Larger turns send several calls, so that the tail cache evicts in small steps. */
  appendGroupBytes: 1 * MiB,
  /** Bounds of the retry delay in an `overloaded` answer. Between them, the delay is the owner's recent time to answer. */
  overloadedRetryMsMin: 5,
  overloadedRetryMsMax: 1 * SECOND_MS,
  /** Retry delay in a `storageFull` answer. Retention or an operator frees space, and neither takes only milliseconds. */
  storageFullRetryMs: 1 * SECOND_MS,
  /**
   * Longest retry delay that a shard suggests when its limits are used up. One huge batch can use them up for hours. With this
   * bound a client soon notices that the limit was raised, and still does not resend its batches too often.
   */
  throttledRetryMsMax: 10 * SECOND_MS,

  /** A reader gets views of an arena that is at most this many times larger than what it reads, else copies: see shard-tail.ts. */
  pinFactorMax: 8,
  /** Bytes that the tail cache adds for each arena and each batch, because their objects take memory too. */
  arenaOverheadBytes: 256,
  batchOverheadBytes: 256,

  /** Most bytes of one delivery to a subscription, except that a single batch may be larger. */
  deliveryBytes: 1 * MiB,
  /** Most deliveries to one subscription before the others have their turn. */
  deliveriesPerPump: 4,
  /** How long a subscription waits for its share of a limit before it looks again. */
  paceCheckMs: 1 * SECOND_MS,
  /** How long subscriptions that share the limit of reads let a fetch go first that was refused. */
  yieldToFetchMs: 50,
  /** Most subscriptions that one turn checks for heartbeats. */
  beatsPerTurn: 1024,
  /** Most shards that the fetches and subscriptions woken in one turn look at. One that looks at more is woken alone. */
  shardsWokenPerTurn: 2048,

  /** An owner that leaves a call unanswered for longer is reported as silent. Several slow flushes in a row take seconds. */
  ownerSilentMs: 10 * SECOND_MS,
  /** Interval of the checks for unanswered calls to owners. */
  ownerWatchMs: 1 * SECOND_MS,
  /** How long a scrape of the metrics waits for an owner's counters. */
  ownerStatsMs: 1 * SECOND_MS,

  /** Most concurrent reads from storage for each reader thread: one runs while the task of the next is on its way. */
  coldReadsPerReader: 2,
  /** Most concurrent reads from storage for one session. It bounds what is in memory before the session's socket takes it. */
  coldReadsPerSession: 4,

  /** Most concurrent searches for trim horizons in storage. Each reads a few pages. */
  horizonSearchesMax: 4,
  /** First and longest wait before the trim horizon of a shard is searched again after a failure, mostly damage. */
  horizonRetryMs: 10 * SECOND_MS,
  horizonRetryMsMax: 600 * SECOND_MS,

  /** Interval of maintenance, which looks for expired records and for segments to compact. */
  maintenanceMs: 10 * SECOND_MS,
  /** Wait before maintenance runs after a segment was sealed or replaced. */
  maintenanceSoonMs: 200,
  /** First wait before maintenance tries again what has failed. */
  maintenanceRetryMs: 10 * SECOND_MS,
  /** Longest such wait for a step of an owner. It is short, so that an owner whose disk failed soon frees space again. */
  upkeepRetryMsMax: 60 * SECOND_MS,
  /** Longest such wait for a segment. It is long, because a damaged segment stays damaged and reading it again is costly. */
  rereadRetryMsMax: 3600 * SECOND_MS,
  /** How often a compaction logs its progress. */
  compactionLogMs: 10 * SECOND_MS,
  /** Most spans of shards in sealed segments kept in memory, some 50 MiB. Newer segments wait until older ones are gone. */
  surveyedSpansMax: 400_000,
  /** Most spans that one turn of the event loop looks at. */
  spansPerTurn: 20_000,
  /** Most spans of one stream in an answer to the controller. The others wait until these are removed. */
  spansPerAnswer: 8192,
  /** Most horizons of records in sealed segments that one run of maintenance searches for. */
  horizonsPerLook: 256,
  /** Most horizons made durable in one call to an owner. */
  horizonsPerTrim: 4096,

  /**
   * A subscription that has data and credit is ended when its connection has taken no bytes for this long. The server ends
   * the whole connection only later.
   */
  slowConsumerMs: 15 * SECOND_MS,
} as const
