// The limits of a subscription. Pure.

const KiB = 1024
const MiB = 1024 * KiB

export const feedLimits = {
  /** Most records in one event, as in GetRecords. */
  eventRecordsMax: 10_000,
  /** Bytes of data and keys after which an event takes no further record. One record may be larger than that. */
  eventBytesMax: 1 * MiB,
  /** An idle subscription has an event at least so often: clients take one for dead that is silent for 35 s. */
  heartbeatMs: 5_000,
  /** Bytes that the broker may send ahead of all clients that do not read, over all subscriptions of an endpoint. */
  creditBytesTotal: 64 * MiB,
  /** Bytes that it may send ahead of one, at most. */
  creditBytesMax: 1 * MiB,
  /** And at least, also where the total is used up. */
  creditBytesMin: 64 * KiB,
  /** How long a subscription may take to begin. */
  beginMs: 20_000,
  /** Calls for one shard as one consumer, where the service's limits hold: one in so long. */
  callEveryMs: 1_000,
  /** Calls that are remembered for that. */
  callsKept: 65_536,
} as const
