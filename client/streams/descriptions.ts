// Descriptions of streams, shards and the broker for applications: with shard ids, dates and decimal hash keys in place of the
// protocol's indexes, milliseconds and bytes. Runs in the client, pure.
import { hashKeyFromBytes, hashKeyToDecimal } from '../../protocol/shards/hash-key.ts'
import type {
  ResponseOf,
  ScalingDecision as WireDecision,
  ShardDescription,
  ShardLoad as WireLoad,
  StreamDescription,
} from '../../protocol/operations.ts'
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import type { StreamSettings as DescribedSettings } from '../../protocol/stream-settings.ts'
import type { CapacityMode, Scaling } from './capacity.ts'

/** The description of a stream. */
export interface Stream extends DescribedSettings {
  /** 1 to 128 characters of a–z, A–Z, 0–9, `_`, `.` and `-`. */
  readonly name: string
  /** Never reused: a stream that was deleted and created again has another id. */
  readonly id: number
  /** A stream takes records while ACTIVE, and while UPDATING, when its shards are being split or merged. */
  readonly status: StreamDescription['status']
  /** Shards that take records. */
  readonly openShardCount: number
  /** Open shards after the change that is running. */
  readonly targetShardCount: number | undefined
  /** Rises with every change of the shards. */
  readonly epoch: number
  /** When it was created. */
  readonly createdAt: Date
}

/** The description of a shard. */
export interface Shard {
  /** For example `shardId-000000000002`; calls take `2` as well. */
  readonly shardId: string
  /** The shards that it was split or merged from. */
  readonly parentShardIds: readonly string[]
  /** An open shard takes records; a closed one is read until its records expire. */
  readonly state: 'OPEN' | 'CLOSED'
  /** Its hash keys, in decimal; both ends are included. */
  readonly hashKeyRange: { readonly startingHashKey: string; readonly endingHashKey: string }
  /** Sequence number of its first record; it is above all numbers of its parents. */
  readonly startingSequenceNumber: number
  /** Sequence number of the last record of a closed shard. */
  readonly endingSequenceNumber: number | undefined
  /** Oldest readable sequence number; undefined while the shard's host is down. */
  readonly trimHorizon: number | undefined
  /** Next sequence number to assign; undefined while the shard's host is down. */
  readonly tail: number | undefined
  /** Stored bytes of its batches; undefined while the shard's host is down. */
  readonly bytes: number | undefined
  /** When it was created. */
  readonly createdAt: Date
  /** When it was split or merged. */
  readonly closedAt: Date | undefined
  /** Undefined until its host has reported it. */
  readonly load: ShardLoad | undefined
}

/** The load of producers on a shard, including a part of what was refused for throughput. */
export interface ShardLoad {
  /** Bytes of batches a second. */
  readonly bytesPerSecond: LoadWindows
  /** Records a second. */
  readonly recordsPerSecond: LoadWindows
  /** The hash key with the largest part of the load, if one stands out: in decimal, with its part in percent. */
  readonly hot: { readonly hashKey: string; readonly percent: number } | undefined
}

/** Means of three time windows that end now. */
export interface LoadWindows {
  /** Over the last 10 seconds. */
  readonly last10s: number
  /** Over the last 2 minutes. */
  readonly last2m: number
  /** Over the last 10 minutes. */
  readonly last10m: number
}

/** What the autoscaler would do, or the reason why it does nothing. */
export interface ScalingDecision {
  /** 'hotKey': one key alone is too much for a shard, so that a split would not help. */
  readonly action: WireDecision['action']
  /** The shards concerned; empty if it is about the whole stream. */
  readonly shardIds: readonly string[]
  /** The rule that was applied, with its figures. */
  readonly reason: string
}

/** The decisions of the autoscaler about a stream. */
export interface ScalingReport {
  /** Decisions are carried out for on-demand streams only. */
  readonly mode: CapacityMode
  /** The bounds and targets that were applied. */
  readonly scaling: Scaling
  /** What it would do now, for each shard. */
  readonly decisions: readonly ScalingDecision[]
}

/** The description of the daemon. */
export interface BrokerDescription {
  /** Identity of its data directory. */
  readonly brokerId: string
  /** Name and version. */
  readonly software: string
  /** When the daemon started. */
  readonly startedAt: Date
  /** Number of all streams. */
  readonly streamCount: number
  /** Number of shards of all streams, closed ones included: these are kept until their records expire. */
  readonly shardCount: number
  /** Free bytes on the file system of the data directory. */
  readonly freeBytes: number
  /** Every shard host. */
  readonly hosts: readonly BrokerHost[]
}

/** A process that serves shards. */
export interface BrokerHost {
  /** Number of the host, from 1. */
  readonly hostId: number
  /** `ready` if it serves its shards. */
  readonly state: ResponseOf<'describeBroker'>['hosts'][number]['state']
  /** Process id; undefined while there is no process. */
  readonly pid: number | undefined
  /** Port on which it listens; 0 while it does not. */
  readonly port: number
  /** Open shards that are placed on it. */
  readonly openShards: number
  /** How often the controller has started it again. */
  readonly restarts: number
  /** Why it is not ready. */
  readonly reason: string | undefined
}

export function streamOf(stream: StreamDescription): Stream {
  return { ...stream, createdAt: new Date(stream.createdAt) }
}

export function shardOf(shard: ShardDescription): Shard {
  return {
    shardId: shardIdOf(shard.index),
    parentShardIds: shard.parents.map(shardIdOf),
    state: shard.state,
    hashKeyRange: hashKeyRangeOf(shard),
    startingSequenceNumber: shard.startingSequenceNumber,
    endingSequenceNumber: shard.endingSequenceNumber,
    trimHorizon: shard.trimHorizon,
    tail: shard.tail,
    bytes: shard.bytes,
    createdAt: new Date(shard.createdAt),
    closedAt: shard.closedAt === undefined ? undefined : new Date(shard.closedAt),
    load: shard.load === undefined ? undefined : loadOf(shard.load),
  }
}

function loadOf(load: WireLoad): ShardLoad {
  const { hotHashKey, hotPercent } = load
  return {
    bytesPerSecond: {
      last10s: load.bytesPerSecond10s,
      last2m: load.bytesPerSecond2m,
      last10m: load.bytesPerSecond10m,
    },
    recordsPerSecond: {
      last10s: load.recordsPerSecond10s,
      last2m: load.recordsPerSecond2m,
      last10m: load.recordsPerSecond10m,
    },
    hot:
      hotHashKey === undefined || hotPercent === undefined
        ? undefined
        : { hashKey: decimalOf(hotHashKey), percent: hotPercent },
  }
}

export function scalingReportOf({ mode, scaling, decisions }: ResponseOf<'explainScaling'>): ScalingReport {
  const told = decisions.map(({ action, shards, reason }) => ({
    action,
    shardIds: shards.map(shardIdOf),
    reason,
  }))
  return { mode, scaling, decisions: told }
}

export function brokerOf(broker: ResponseOf<'describeBroker'>): BrokerDescription {
  return { ...broker, startedAt: new Date(broker.startedAt) }
}

/** Returns the range of a shard in decimal. */
export function hashKeyRangeOf(
  shard: Pick<ShardDescription, 'startingHashKey' | 'endingHashKey'>,
): Shard['hashKeyRange'] {
  return {
    startingHashKey: decimalOf(shard.startingHashKey),
    endingHashKey: decimalOf(shard.endingHashKey),
  }
}

function decimalOf(hashKey: Uint8Array): string {
  return hashKeyToDecimal(hashKeyFromBytes(hashKey))
}
