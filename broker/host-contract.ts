// What the controller and a shard host say to each other, over IPC or in process. Types only, no runtime.
// `control/` and `host/` never import each other: they meet here.
import type { ServedSettings } from '../protocol/stream-settings.ts'
import type { Channel } from './channels/channel.ts'
import type { ShardExtent } from './threads/owner-contract.ts'

/** A shard and all that its host needs to serve it. Plain data: hash keys as 32 hex digits. */
export interface PlacedShard {
  readonly streamId: number
  readonly streamName: string
  readonly shardIndex: number
  readonly ownerId: number
  readonly slot: number
  readonly startingHashKey: string
  readonly endingHashKey: string
  readonly startingSequenceNumber: number
  /** By index; of an open shard none. */
  readonly children: readonly number[]
  readonly settings: ServedSettings
}

export interface ShardRef {
  readonly streamId: number
  readonly shardIndex: number
}

/** A shard's extent under its public name; `bytes` are those of its batches in all segments, as far as they were surveyed. */
export interface HostedExtent extends ShardRef, Omit<ShardExtent, 'slot' | 'activeFirst'> {}

/**
 * What producers have asked of the open shards of a host, in columns: it is asked for every other second, and an object for
 * each of tens of thousands of shards would hold both main threads up.
 */
export interface HostedLoads {
  /**
   * For each shard: stream id, shard index, bytes, records. Bytes and records rise from the start of the host, by what was
   * stored and, within bounds, what was refused for throughput.
   */
  readonly counters: Float64Array
  /** By the shard's place among them; left out where no key stands out. */
  readonly hot: ReadonlyMap<number, HotKey>
}

/** The hash key with the largest part of what was seen lately of a shard, and its part, 0 to 1. */
export interface HotKey {
  readonly hashKey: string
  readonly part: number
}

/** What a host holds of one stream, as far as it is surveyed: never more than there is. */
export interface StoredSpans {
  /** Of all readable batches, those in active segments among them. */
  readonly bytes: number
  /**
   * The oldest spans in sealed segments, those of each shard in their order, in columns: shard index, first readable number,
   * next number, arrival time of the last batch, readable bytes.
   */
  readonly spans: Float64Array
  /** No span is left out whose last batch arrived before this; Infinity where none is. */
  readonly completeTo: number
}

/** New horizons of a stream that is larger than its bound. */
export interface BoundedTrims {
  readonly streamId: number
  /** The bound that they were decided by. */
  readonly retentionBytes: number
  readonly trims: readonly BoundedTrim[]
}

export interface BoundedTrim {
  readonly shardIndex: number
  readonly trimHorizon: number
  /** The number is an estimate within a span, and may lie within a batch. */
  readonly isEstimate: boolean
}

/** What time it is, as the controller believes it. */
export interface ClockReading {
  /** Milliseconds since the epoch, for stamps. */
  readonly now: number
  /** The time by which records expire, for a host that starts: never ahead of `now`. */
  readonly expiryNow: number
  readonly holds: readonly HeldTime[]
}

/** Stamps from `from` on are too early by an amount that is not known: what has them counts as if it had arrived at `until`. */
export interface HeldTime {
  readonly from: number
  readonly until: number
}

/** Settings that a host gets from the controller; the config table decides them once. */
export interface HostSettings {
  readonly brokerId: string
  readonly hostId: number
  readonly listen: { readonly host: string; readonly port: number } | null
  readonly dataDir: string
  /** Directories of the owners that this host adopts. */
  readonly owners: readonly { readonly ownerId: number; readonly directory: string }[]
  readonly segmentBytes: number
  /** A segment is sealed when it is so old, however small. */
  readonly segmentAgeMs: number
  /** What compaction may read and write a second. */
  readonly compactionBytesPerSecond: number
  readonly tailCacheBytes: number
  readonly appendQueueBytes: number
  readonly freeSpaceFloorBytes: number
  readonly readerThreads: number
  readonly maxConnections: number
  /** When it is started; null for whatever the wall clock says. */
  readonly clock: ClockReading | null
  readonly logLevel: string
  readonly logFormat: 'json' | 'pretty'
}

export type HostCalls = {
  /** First call: adopt the owners, open the shards, listen. */
  start: {
    request: { readonly settings: HostSettings; readonly shards: readonly PlacedShard[] }
    reply: { readonly port: number }
  }
  /**
   * Answered at once, by the main thread alone: a host that answers runs. `trouble` says, in words, what is wrong with it
   * nevertheless; null where nothing is. `isStuck`: an owner is in trouble, and has answered nothing since it was asked last.
   */
  ping: { request: null; reply: { readonly trouble: string | null; readonly isStuck: boolean } }
  /** What time it is; told every few seconds, and when the clock is believed again that was doubted. */
  followClock: { request: ClockReading; reply: null }
  openShards: { request: { readonly shards: readonly PlacedShard[] }; reply: null }
  /**
   * Refuse appends from now on, end subscriptions with streamNotFound, forget the slots, whether they are served or not. May
   * be asked again.
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
   * Nothing of the stream expires before this retention, however short its settings say, until they say as much themselves;
   * 0 lets it go. Answered once every horizon is durable that readers may have been told until then: the settings alone
   * would not lead back to them.
   */
  holdRetention: {
    request: { readonly streamId: number; readonly retentionMs: number }
    reply: null
  }
  /**
   * The shards take nothing more, durably and for ever: what is in flight is finished, and their tails are final. Readers
   * get to the end of them. May be asked again. Rejects with `unavailable` where one is not served.
   */
  sealShards: {
    request: {
      readonly streamId: number
      readonly shards: readonly { readonly shardIndex: number; readonly children: readonly number[] }[]
    }
    reply: { readonly extents: readonly HostedExtent[] }
  }
  /** Those of the shards that the host does not serve, because they are too damaged: they cannot be sealed. */
  unservedShards: {
    request: { readonly streamId: number; readonly shardIndexes: readonly number[] }
    reply: { readonly shardIndexes: readonly number[] }
  }
  /** Closed shards that have expired: served no more, their slots forgotten. May be asked again, whether they are served or not. */
  dropShards: {
    request: { readonly shards: readonly (ShardRef & { readonly ownerId: number; readonly slot: number })[] }
    reply: null
  }
  /** What producers have asked of each open shard since the host started. */
  shardLoads: { request: null; reply: HostedLoads }
  /** Stream id and bytes of each stream with a bound in bytes that the host serves shards of: never more than it holds. */
  boundedBytes: { request: null; reply: { readonly totals: Float64Array } }
  /** What the host holds of a stream, counted anew, and its oldest spans until they hold `excessBytes`. */
  storedSpans: {
    request: { readonly streamId: number; readonly excessBytes: number }
    reply: StoredSpans
  }
  /** Raises horizons, durably and soon. One that is lower than what holds changes nothing; nor does one of a bound that was raised since. */
  trimToBound: { request: BoundedTrims; reply: null }
  /** The hash key that divides the observed load of a shard in two; null where too little was seen. */
  balanceOf: { request: ShardRef; reply: { readonly startingHashKey: string | null } }
  /** Where shards stand that it serves, without what has expired; of others it says nothing. */
  describeShards: {
    request: { readonly streamId: number; readonly shardIndexes: readonly number[] }
    reply: { readonly extents: readonly HostedExtent[] }
  }
  /** Prometheus metrics as JSON, as prom-client gives them. */
  metrics: { request: null; reply: { readonly metrics: readonly object[] } }
  /** Answer what is in flight, refuse the rest, close storage; the process then exits. */
  drain: { request: { readonly deadlineMs: number }; reply: null }
}

/** A host that was started, until it has ended. */
export interface LaunchedHost {
  /** Absent in process. */
  readonly pid: number | undefined
  readonly channel: Channel
  /** Fulfils once nothing of the host is left (it holds no port, no lock and no thread), with how it ended. */
  readonly ended: Promise<string>
  /** Ends it at once, without a drain. */
  kill(): void
}

/** How a controller starts a host: a process with IPC, or the same engine in this process. */
export interface HostLauncher {
  launch(hostId: number): LaunchedHost
}
