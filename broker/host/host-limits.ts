// Every bound of a shard host that is not a setting, in one table. Host main thread.
// What a client may ask for is bounded in protocol/limits.ts; these bound what the host does at once, so that no turn
// of the event loop is long and no peer can make memory grow.

const KiB = 1024
const MiB = 1024 * KiB
const SECOND_MS = 1000

export const hostLimits = {
  /** Arena of one append call to an owner. A turn with more sends several, so that the tail cache evicts in small steps. */
  appendGroupBytes: 1 * MiB,
  /** What an `overloaded` answer suggests at least and at most; between them, what the owner lately took to answer. */
  overloadedRetryMsMin: 5,
  overloadedRetryMsMax: 1 * SECOND_MS,
  /** What a `storageFull` answer suggests: space comes back by retention or by people, never within milliseconds. */
  storageFullRetryMs: 1 * SECOND_MS,
  /**
   * What a shard suggests at most whose limits are used up. One huge batch may have used them up for hours; whoever comes
   * again sooner finds a limit that was raised meanwhile, and what it brings is not resent too often.
   */
  throttledRetryMsMax: 10 * SECOND_MS,

  /** An arena may be so many times larger than what a reader takes of it; else that is copied: see shard-tail.ts. */
  pinFactorMax: 8,
  /** What the tail cache charges for an arena and for a batch beside their bytes: objects are memory too. */
  arenaOverheadBytes: 256,
  batchOverheadBytes: 256,

  /** Bytes of one delivery to a subscription; one batch may be larger. */
  deliveryBytes: 1 * MiB,
  /** Deliveries to one subscription before others have their turn. */
  deliveriesPerPump: 4,
  /** A subscription that waits for its share of a limit asks again after so long. */
  paceCheckMs: 1 * SECOND_MS,
  /** Subscriptions that are looked at for their heartbeats in one turn. */
  beatsPerTurn: 1024,
  /** Shards that fetches and subscriptions which are woken in one turn look at; one that looks at more is woken alone. */
  shardsWokenPerTurn: 2048,

  /** An owner that has let a call wait for longer is said not to answer: slow flushes take seconds, several in a row some more. */
  ownerSilentMs: 10 * SECOND_MS,
  /** Between two looks at what owners let wait. */
  ownerWatchMs: 1 * SECOND_MS,
  /** A scrape waits no longer for what an owner counts. */
  ownerStatsMs: 1 * SECOND_MS,

  /** Reads from storage at once, for each reader thread: one runs while the next one's task is on its way. */
  coldReadsPerReader: 2,
  /** Reads from storage at once for one session: what it may hold in memory before its socket takes it. */
  coldReadsPerSession: 4,

  /** Searches for trim horizons in storage at once: one of them is a few pages. */
  horizonSearchesMax: 4,
  /** A shard whose horizon could not be looked up, because it is damaged mostly, is looked at again after so long … */
  horizonRetryMs: 10 * SECOND_MS,
  /** … and after so long at most. */
  horizonRetryMsMax: 600 * SECOND_MS,

  /** Between two looks at what has expired and what could be compacted, … */
  maintenanceMs: 10 * SECOND_MS,
  /** … and after a segment was sealed or replaced. */
  maintenanceSoonMs: 200,
  /** What maintenance failed to do is tried again after so long, … */
  maintenanceRetryMs: 10 * SECOND_MS,
  /** … and after so long at most: an owner whose disk had failed should soon get rid of what fills it, … */
  upkeepRetryMsMax: 60 * SECOND_MS,
  /** … but segments that are damaged stay so, and to read them again costs. */
  rereadRetryMsMax: 3600 * SECOND_MS,
  /** A compaction says how far it is so often. */
  compactionLogMs: 10 * SECOND_MS,
  /** Spans of shards in sealed segments that are remembered: some 50 MiB. Newer segments wait for older ones to go. */
  surveyedSpansMax: 400_000,
  /** Spans that are looked at in one turn of the event loop. */
  spansPerTurn: 20_000,
  /** Spans of one stream that the controller is told of at once; the rest waits until these are gone. */
  spansPerAnswer: 8192,
  /** Horizons that are looked up for what lies in sealed segments, at each look. */
  horizonsPerLook: 256,
  /** Horizons made durable in one call to an owner. */
  horizonsPerTrim: 4096,

  /**
   * A subscription that has data and credit, on a connection that took nothing for so long, is cut. Sooner than the server
   * ends the whole connection for it.
   */
  slowConsumerMs: 15 * SECOND_MS,
} as const
