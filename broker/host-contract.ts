// The calls between the controller and a shard host, over IPC or in process. Types only, no runtime.
// `control/` and `host/` never import each other; both import this file.
import type { ServedSettings } from '../protocol/stream-settings.ts'
import type { PolicyData } from './access/policy.ts'
import type { TokenUse } from './access/token-uses.ts'
import type { ServedCertificates } from './certificates-contract.ts'
import type { QuotaSettings } from './access/quotas/quotas.ts'
import type { Channel } from './channels/channel.ts'
import type { ShardExtent } from './threads/owner-contract.ts'

/** A shard, with everything that its host needs to serve it. Plain data; hash keys are 32 hex digits. */
export interface PlacedShard {
  readonly streamId: number
  readonly streamName: string
  readonly shardIndex: number
  readonly ownerId: number
  readonly slot: number
  readonly startingHashKey: string
  readonly endingHashKey: string
  readonly startingSequenceNumber: number
  /** Indexes of the shard's children; empty for an open shard. */
  readonly children: readonly number[]
  /** When the shard was closed; null if it is open. Records with later stamps count as having arrived then. */
  readonly closedAt: number | null
  readonly settings: ServedSettings
}

export interface ShardRef {
  readonly streamId: number
  readonly shardIndex: number
}

/** A shard whose newest stamp lies so far ahead of the clock that the broker does not wait for it. */
export interface AheadShard extends ShardRef {
  readonly aheadMs: number
}

/** A shard's extent, named by stream and index; `bytes` counts its batches in all segments that were surveyed. */
export interface HostedExtent extends ShardRef, Omit<ShardExtent, 'slot' | 'activeFirst'> {}

/**
 * The load of the open shards of a host, in columns: it is asked for every two seconds, and an object for each of tens of
 * thousands of shards would hold up both main threads.
 */
export interface HostedLoads {
  /**
   * For each shard: stream id, shard index, bytes, records. Bytes and records count from the start of the host: what was
   * stored and, within bounds, what was refused for throughput.
   */
  readonly counters: Float64Array
  /** By the shard's place in `counters`; absent where no key stands out. */
  readonly hot: ReadonlyMap<number, HotKey>
}

/** The hash key with the largest part of a shard's recent load, and that part, 0 to 1. */
export interface HotKey {
  readonly hashKey: string
  readonly part: number
}

/** What a host holds of one stream, as far as its segments were surveyed: never more than there is. */
export interface StoredSpans {
  /** Bytes of all readable batches, including those in active segments. */
  readonly bytes: number
  /**
   * The oldest spans in sealed segments, in order within each shard, in columns: shard index, first readable sequence
   * number, next sequence number, arrival time of the last batch, readable bytes.
   */
  readonly spans: Float64Array
  /** `spans` has every span whose last batch arrived before this time; Infinity if it has all spans. */
  readonly completeTo: number
}

/** A position of which to say how far it is behind: a number, or a time, or, without both, the trim horizon. */
export interface BacklogRequest extends ShardRef {
  readonly next: number | null
  readonly timestamp: number | null
}

/** What lies between a position and the tail of a shard. */
export interface Backlog {
  /** Place of the position in the request. */
  readonly place: number
  readonly records: number
  /** Bytes of their batches, about. */
  readonly bytes: number
  /** When the first of them arrived; null where there are none, or it cannot be read. */
  readonly oldestArrival: number | null
}

/** New trim horizons for a stream that is larger than its bound. */
export interface BoundedTrims {
  readonly streamId: number
  /** The bound that the trims were planned for. */
  readonly retentionBytes: number
  readonly trims: readonly BoundedTrim[]
}

export interface BoundedTrim {
  readonly shardIndex: number
  readonly trimHorizon: number
  /** True if `trimHorizon` is interpolated within a span, and so may lie within a batch. */
  readonly isEstimate: boolean
}

/** A registered consumer, as hosts know it. One that is registered again under its name has another time. */
export interface ServedConsumer {
  readonly id: number
  readonly name: string
  readonly createdAt: number
  /** The principal that registered it; null for nobody. */
  readonly principal: string | null
}

/** All registered consumers of a stream. */
export interface StreamConsumers {
  readonly streamId: number
  readonly consumers: readonly ServedConsumer[]
}

/** How far a registered consumer is in a shard, as its host knows. */
export interface HostedConsumerShard extends ShardRef {
  /** Null while nobody is subscribed. */
  readonly subscriber: { readonly address: string; readonly client: string; readonly forMs: number } | null
  /** The number after the last record sent; null if nobody has subscribed since the host started. */
  readonly next: number | null
  readonly recordsPerSecond: number
  readonly bytesPerSecond: number
  readonly standing: ConsumerStanding
  /** What lies between `next` and the tail; null where `next` is. */
  readonly backlog: Omit<Backlog, 'place'> | null
  readonly isClosed: boolean
}

/** Why a subscription of a consumer is where it is. */
export type ConsumerStanding =
  'caughtUp' | 'reading' | 'waitingForCredit' | 'slowReader' | 'throttled' | 'notConnected'

/** The time that the controller believes. */
export interface ClockReading {
  /** Milliseconds since the epoch, for stamps. */
  readonly now: number
  /** The time by which records expire, for a host that starts: never ahead of `now`. */
  readonly expiryNow: number
  readonly holds: readonly HeldTime[]
}

/** Arrival times from `from` on are too early by an unknown amount: records with them count as arrived at `until`. */
export interface HeldTime {
  readonly from: number
  readonly until: number
}

/** Settings that a host gets from the controller, from the broker's configuration. */
export interface HostSettings {
  readonly brokerId: string
  readonly hostId: number
  readonly listen: { readonly host: string; readonly port: number } | null
  readonly dataDir: string
  /** Directories of the owners that this host adopts. */
  readonly owners: readonly { readonly ownerId: number; readonly directory: string }[]
  readonly segmentBytes: number
  /** A segment of this age is sealed, however small it is. */
  readonly segmentAgeMs: number
  /** Most bytes that compaction may read and write per second. */
  readonly compactionBytesPerSecond: number
  readonly tailCacheBytes: number
  readonly appendQueueBytes: number
  readonly freeSpaceFloorBytes: number
  readonly readerThreads: number
  readonly maxConnections: number
  /** What the host's port shows and trusts; null for plaintext. */
  readonly certificates: ServedCertificates | null
  /** What principals and addresses may take, as far as it is set. */
  readonly quotas: QuotaSettings
  /** The time at the start of the host; null: the host uses its wall clock. */
  readonly clock: ClockReading | null
  readonly logLevel: string
  /** The file for audit lines; null: they stand in the log. */
  readonly auditLog: string | null
  readonly logFormat: 'json' | 'pretty'
}

export type HostCalls = {
  /**
   * First call: adopt the owners, open the shards, listen. `absentOwners`: owners that do not run, because they have no shards
   * and the disk has no room for their files.
   */
  start: {
    request: {
      readonly settings: HostSettings
      readonly shards: readonly PlacedShard[]
      /** Of all streams that have any. */
      readonly consumers: readonly StreamConsumers[]
      /** Who may do what. */
      readonly policy: PolicyData
    }
    reply: { readonly port: number; readonly absentOwners: readonly number[] }
  }
  /** Tries again to start the absent owners, and returns those that still do not run. */
  startAbsentOwners: { request: null; reply: { readonly absentOwners: readonly number[] } }
  /** Serves by this policy from now on, unless a newer one came: sessions of those who are no longer known end. */
  servePolicy: { request: PolicyData; reply: null }
  /** Returns which tokens were in use since the last call, and when. */
  takeTokenUses: { request: null; reply: { readonly uses: readonly TokenUse[] } }
  /** Tells a host all consumers of a stream, whether it serves shards of it or not: subscriptions of others end. */
  serveConsumers: { request: StreamConsumers; reply: null }
  /** Shows and trusts these certificates in handshakes from now on. */
  serveCertificates: { request: ServedCertificates; reply: null }
  /** Returns how far a consumer is in those of the shards that the host serves. */
  consumerShards: {
    request: {
      readonly streamId: number
      readonly consumerId: number
      readonly shardIndexes: readonly number[]
    }
    reply: { readonly shards: readonly HostedConsumerShard[] }
  }
  /**
   * Answered at once, by the main thread alone, so an answer shows that the host runs. `trouble`: a sentence that says what
   * is wrong although it answers, or null. `isStuck`: an owner is in trouble, and has answered nothing since the last ping.
   */
  ping: { request: null; reply: { readonly trouble: string | null; readonly isStuck: boolean } }
  /** Tells the host the time: every few seconds, and when a doubted clock is believed again. */
  followClock: { request: ClockReading; reply: null }
  /** Shards, open and closed, whose stamps lie ahead of the clock that the host follows; not those that are known to be older. */
  stampedAhead: { request: null; reply: { readonly shards: readonly AheadShard[] } }
  openShards: { request: { readonly shards: readonly PlacedShard[] }; reply: null }
  /**
   * Refuses appends from now on, ends subscriptions with streamNotFound, and forgets the slots, whether they are served or
   * not. May be repeated.
   */
  dropStream: {
    request: {
      readonly streamId: number
      readonly shards: readonly { readonly ownerId: number; readonly slot: number }[]
    }
    reply: null
  }
  updateStream: {
    request: { readonly streamId: number; readonly settings: ServedSettings }
    reply: null
  }
  /**
   * Lets no record of the stream expire before this retention, even if the settings say a shorter one, until the settings
   * say as much; 0 ends the hold. Answered when every trim horizon that readers may have seen so far is durable: after a
   * crash, the longer retention would not lead back to it.
   */
  holdRetention: {
    request: { readonly streamId: number; readonly retentionMs: number }
    reply: null
  }
  /**
   * Seals the shards: they take no more records, durably and for ever. Appends in flight are finished, and the tails in the
   * reply are final. May be repeated. Rejects with `unavailable` where a shard is not served.
   */
  sealShards: {
    request: {
      readonly streamId: number
      readonly shards: readonly { readonly shardIndex: number; readonly children: readonly number[] }[]
    }
    reply: { readonly extents: readonly HostedExtent[] }
  }
  /** Returns which of the shards the host does not serve because they are too damaged: they cannot be sealed. */
  unservedShards: {
    request: { readonly streamId: number; readonly shardIndexes: readonly number[] }
    reply: { readonly shardIndexes: readonly number[] }
  }
  /** Stops serving closed, expired shards, and forgets their slots, whether they are served or not. May be repeated. */
  dropShards: {
    request: { readonly shards: readonly (ShardRef & { readonly ownerId: number; readonly slot: number })[] }
    reply: null
  }
  /** Returns the load of each open shard since the host started. */
  shardLoads: { request: null; reply: HostedLoads }
  /** Returns id and bytes of each stream with a bound in bytes of which the host serves shards; never too many bytes. */
  boundedBytes: { request: null; reply: { readonly totals: Float64Array } }
  /** Returns what the host holds of a stream, counted anew, and its oldest spans, up to `excessBytes` of them. */
  storedSpans: {
    request: { readonly streamId: number; readonly excessBytes: number }
    reply: StoredSpans
  }
  /** Raises trim horizons, and makes them durable soon. Never lowers one; does nothing if the bound was raised since. */
  trimToBound: { request: BoundedTrims; reply: null }
  /** Returns the hash key that divides the observed load of a shard in two; null where too little was seen. */
  balanceOf: { request: ShardRef; reply: { readonly startingHashKey: string | null } }
  /** Returns the extents of those of the shards that the host serves, without expired records. */
  describeShards: {
    request: { readonly streamId: number; readonly shardIndexes: readonly number[] }
    reply: { readonly extents: readonly HostedExtent[] }
  }
  /** Returns the tails of shards, in their order; −1 for one that is not served. `shards`: stream id, shard index. */
  shardTails: { request: { readonly shards: Float64Array }; reply: { readonly tails: Float64Array } }
  /** Returns how far positions are behind the tails of their shards; without shards that are not served. */
  backlogs: {
    request: { readonly shards: readonly BacklogRequest[] }
    reply: { readonly backlogs: readonly Backlog[] }
  }
  /** Returns Prometheus metrics as JSON, as prom-client gives them. */
  metrics: { request: null; reply: { readonly metrics: readonly object[] } }
  /** Answers what is in flight, refuses everything else, and closes storage; the process then exits. */
  drain: { request: { readonly deadlineMs: number }; reply: null }
}

/** A launched host, until its end. */
export interface LaunchedHost {
  /** Undefined for a host inside this process. */
  readonly pid: number | undefined
  readonly channel: Channel
  /** Fulfils when the host is gone (it holds no port, no lock and no thread), with how it ended. */
  readonly ended: Promise<string>
  /** Ends the host at once, without a drain. */
  kill(): void
}

/** How a controller starts a host: a process with IPC, or the same engine in this process. */
export interface HostLauncher {
  launch(hostId: number): LaunchedHost
}
