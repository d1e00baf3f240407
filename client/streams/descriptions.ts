// Streams, shards and the broker as people see them: shard ids, dates and decimal hash keys in place of the wire's
// indexes, milliseconds and bytes. Runs in the client, pure.
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

/** A stream as it is now. */
export interface Stream extends DescribedSettings {
  /** 1 to 128 of a–z, A–Z, 0–9, `_`, `.` and `-`. */
  readonly name: string
  /** Never reused: a stream that was deleted and made again is another one. */
  readonly id: number
  /** Records are taken while ACTIVE, and while UPDATING: then shards are being split or merged. */
  readonly status: StreamDescription['status']
  /** Shards that take records. */
  readonly openShardCount: number
  /** Open shards that a change under way will end with. */
  readonly targetShardCount: number | undefined
  /** Rises with every change of the shards. */
  readonly epoch: number
  /** When it was created. */
  readonly createdAt: Date
}

/** A shard as it is now. */
export interface Shard {
  /** `shardId-000000000002`; calls take `2` as well. */
  readonly shardId: string
  /** The shards that it was split or merged from. */
  readonly parentShardIds: readonly string[]
  /** An open shard takes records; a closed one is read until its records expire. */
  readonly state: 'OPEN' | 'CLOSED'
  /** Decimal, both ends included. */
  readonly hashKeyRange: { readonly startingHashKey: string; readonly endingHashKey: string }
  /** Number of its first record, above all of its parents. */
  readonly startingSequenceNumber: number
  /** Of a closed shard. */
  readonly endingSequenceNumber: number | undefined
  /** Oldest readable number; undefined while the shard's host is down. */
  readonly trimHorizon: number | undefined
  /** Next number to be assigned; undefined while the shard's host is down. */
  readonly tail: number | undefined
  /** Bytes of its batches that are stored; undefined while the shard's host is down. */
  readonly bytes: number | undefined
  /** When it was created. */
  readonly createdAt: Date
  /** When it was split or merged. */
  readonly closedAt: Date | undefined
  /** Undefined until its host has told. */
  readonly load: ShardLoad | undefined
}

/** What producers ask of a shard, part of what was refused for throughput included. */
export interface ShardLoad {
  /** Bytes of batches a second. */
  readonly bytesPerSecond: LoadWindows
  /** Records a second. */
  readonly recordsPerSecond: LoadWindows
  /** The hash key with the largest part of the load, where one stands out: decimal, and its part in percent. */
  readonly hot: { readonly hashKey: string; readonly percent: number } | undefined
}

/** Means over three windows that end now. */
export interface LoadWindows {
  /** Over the last 10 seconds. */
  readonly last10s: number
  /** Over the last 2 minutes. */
  readonly last2m: number
  /** Over the last 10 minutes. */
  readonly last10m: number
}

/** What the autoscaler would do, or why it does nothing. */
export interface ScalingDecision {
  /** 'hotKey': one key alone is too much for a shard, so that a split would not help. */
  readonly action: WireDecision['action']
  /** The shards concerned; none for the stream as a whole. */
  readonly shardIds: readonly string[]
  /** The rule, with the figures that it was applied to. */
  readonly reason: string
}

/** What the autoscaler makes of a stream. */
export interface ScalingReport {
  /** Decisions are carried out for on-demand streams only. */
  readonly mode: CapacityMode
  /** The bounds and targets that were applied. */
  readonly scaling: Scaling
  /** What it would do now, shard by shard. */
  readonly decisions: readonly ScalingDecision[]
}

/** The daemon as it is now. */
export interface Broker {
  /** Identity of its data directory. */
  readonly brokerId: string
  /** Name and version. */
  readonly software: string
  /** When the daemon started. */
  readonly startedAt: Date
  /** All streams. */
  readonly streamCount: number
  /** Shards of all streams, open and closed: closed ones are kept until their records expire. */
  readonly shardCount: number
  /** Free space where the data directory lies. */
  readonly freeBytes: number
  /** Every shard host. */
  readonly hosts: readonly BrokerHost[]
}

/** A process that serves shards. */
export interface BrokerHost {
  /** From 1. */
  readonly hostId: number
  /** `ready` where it serves its shards. */
  readonly state: ResponseOf<'describeBroker'>['hosts'][number]['state']
  /** Of the process; undefined while there is none. */
  readonly pid: number | undefined
  /** Where it listens; 0 while it does not. */
  readonly port: number
  /** Open shards that are placed on it. */
  readonly openShards: number
  /** How often the controller has started it anew. */
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
    hashKeyRange: {
      startingHashKey: decimalOf(shard.startingHashKey),
      endingHashKey: decimalOf(shard.endingHashKey),
    },
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

export function brokerOf(broker: ResponseOf<'describeBroker'>): Broker {
  return { ...broker, startedAt: new Date(broker.startedAt) }
}

function decimalOf(hashKey: Uint8Array): string {
  return hashKeyToDecimal(hashKeyFromBytes(hashKey))
}
