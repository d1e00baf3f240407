// What the controller and a shard host say to each other, over IPC or in process. Types only, no runtime.
// `control/` and `host/` never import each other: they meet here.
import type { Channel } from './threads/channel.ts'
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
  readonly retentionMs: number
}

export interface ShardRef {
  readonly streamId: number
  readonly shardIndex: number
}

/** A shard's extent under its public name. */
export interface HostedExtent extends ShardRef, Omit<ShardExtent, 'slot'> {}

/** Settings that a host gets from the controller; the config table decides them once. */
export interface HostSettings {
  readonly brokerId: string
  readonly hostId: number
  readonly listen: { readonly host: string; readonly port: number } | null
  readonly dataDir: string
  /** Directories of the owners that this host adopts. */
  readonly owners: readonly { readonly ownerId: number; readonly directory: string }[]
  readonly segmentBytes: number
  readonly tailCacheBytes: number
  readonly appendQueueBytes: number
  readonly freeSpaceFloorBytes: number
  readonly readerThreads: number
  readonly maxConnections: number
  readonly logLevel: string
  readonly logFormat: 'json' | 'pretty'
}

export type HostCalls = {
  /** First call: adopt the owners, open the shards, listen. */
  start: {
    request: { readonly settings: HostSettings; readonly shards: readonly PlacedShard[] }
    reply: { readonly port: number }
  }
  openShards: { request: { readonly shards: readonly PlacedShard[] }; reply: null }
  /** Refuse appends from now on, end subscriptions with streamNotFound, forget the slots. */
  dropStream: { request: { readonly streamId: number }; reply: null }
  updateStream: { request: { readonly streamId: number; readonly retentionMs: number }; reply: null }
  describeShards: {
    request: { readonly streamId: number }
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
