// What a stream is meant to take: its mode, the limits of its shards, and between what it is scaled. As people say it,
// and as the protocol does. Runs in the client, pure.
import { MillraceError } from '../protocol/millrace-error.ts'
import type { Scaling, ScalingRequest, ShardLimits, StreamDescription } from '../protocol/operations.ts'
import { noShardLimits } from '../protocol/structs.ts'

export type { Scaling, ShardLimits } from '../protocol/operations.ts'

/** 'provisioned': shards are split and merged on request; 'on-demand': by the broker, with the load. */
export type CapacityMode = StreamDescription['mode']

const MiB = 1024 * 1024

/** Limits that have a name. 0 stands for no limit. */
export const shardLimitPresets = {
  none: noShardLimits,
  /** Those of a Kinesis shard. */
  kinesis: {
    writeBytesPerSecond: 1 * MiB,
    writeRecordsPerSecond: 1000,
    readBytesPerSecond: 2 * MiB,
    readsPerSecond: 5,
    subscriptionBytesPerSecond: 2 * MiB,
  },
} as const satisfies Record<string, ShardLimits>

/** A preset, or figures: what they leave out is not limited. */
export type ShardLimitsOption = keyof typeof shardLimitPresets | Partial<ShardLimits>

/** What a stream is told when it is made, and what can be changed later. */
export interface StreamSettings {
  /** How long a record stays readable; 24 hours by default. */
  readonly retentionMs?: number
  /** How many bytes of batches are kept, over all shards; 0, the default, for no bound. */
  readonly retentionBytes?: number
  /** 'provisioned' by default. */
  readonly mode?: CapacityMode
  /** What each shard takes and gives a second; 'none' by default. Replaces all limits at once. */
  readonly shardLimits?: ShardLimitsOption
  /** How an on-demand stream is scaled; what is left out stays, or is the broker's default. */
  readonly scaling?: Partial<Scaling>
}

/** Throws `invalidArgument` for limits that have no such name. */
export function shardLimitsOf(option: ShardLimitsOption): ShardLimits {
  if (typeof option !== 'string') return { ...shardLimitPresets.none, ...option }
  if (Object.hasOwn(shardLimitPresets, option)) return shardLimitPresets[option]
  const names = Object.keys(shardLimitPresets).join(', ')
  throw new MillraceError(
    'invalidArgument',
    `There are no shard limits called ${JSON.stringify(option)}: there are ${names}, or give figures.`,
  )
}

/** The settings as fields of a request. */
export function settingsRequest(settings: StreamSettings) {
  const { retentionMs, retentionBytes, mode, shardLimits, scaling } = settings
  return {
    retentionMs,
    retentionBytes,
    mode,
    shardLimits: shardLimits === undefined ? undefined : shardLimitsOf(shardLimits),
    scaling: scaling === undefined ? undefined : scalingRequest(scaling),
  }
}

function scalingRequest(scaling: Partial<Scaling>): ScalingRequest {
  const { shardsMin, shardsMax, targetBytesPerSecond, targetRecordsPerSecond } = scaling
  return { shardsMin, shardsMax, targetBytesPerSecond, targetRecordsPerSecond }
}
