// The rules by which records of a shard become calls: the part of a mapping that the machine of a shard reads. Runs in the app, pure.
import type { EventSourceMapping, SkippedRecords } from 'millrace/protocol'

export interface MappingRules {
  readonly batchSize: number
  readonly batchWindowMs: number
  /** Calls of one shard at a time: the lanes that keys are divided into. */
  readonly lanes: number
  /** -1: no bound. */
  readonly retriesMax: number
  /** -1: no bound. */
  readonly recordAgeMaxMs: number
  /** How long the stream keeps records: a batch that fails is given up when its records expire. */
  readonly retentionMs: number
  readonly bisectsOnError: boolean
  /** 0: no windows. */
  readonly tumblingWindowMs: number
  readonly skips: readonly Pick<SkippedRecords, 'from' | 'to' | 'lane'>[]
}

/** Bounds of a machine that are no settings. */
export const mappingLimits = {
  /** Bytes of events that wait in one shard: a lane that is blocked lets the others go on for so long. */
  waitingBytesMax: 32 * 1024 * 1024,
  waitingRecordsMax: 50_000,
  /** Calls of a lane that are answered, and whose output is not stored yet: the next call does not wait for them. */
  settlingMax: 8,
  /** The state of a window, as JSON, at most. */
  windowStateBytesMax: 1024 * 1024,
  /** How long after its end a window is closed where no later record has come: records may be on their way. */
  windowGraceMs: 1000,
  backoffMinMs: 100,
  backoffMaxMs: 30_000,
} as const

/** A stream that was made again has shards of the same names, and other records in them. */
export interface ShardOfStream {
  readonly streamId: number
  readonly shardId: string
}

/** The rules for one shard. */
export function rulesOf(
  mapping: EventSourceMapping,
  shard: ShardOfStream,
  retentionMs: number,
): MappingRules {
  const { batchSize, batchWindowMs, parallelizationFactor, retriesMax, recordAgeMaxMs } = mapping
  const { bisectsOnError, tumblingWindowMs } = mapping
  return {
    batchSize,
    batchWindowMs,
    lanes: parallelizationFactor,
    retriesMax,
    recordAgeMaxMs,
    retentionMs,
    bisectsOnError,
    tumblingWindowMs,
    skips: skipsOf(mapping, shard),
  }
}

/** What is skipped of one shard. */
export function skipsOf(
  { skips = [] }: EventSourceMapping,
  { streamId, shardId }: ShardOfStream,
): MappingRules['skips'] {
  return skips.filter((each) => each.shardId === shardId && each.streamId === streamId)
}

/** Waits before the next call: twice as long each time, the upper half at random. */
export function retryDelayMs(failures: number, random: () => number): number {
  const { backoffMinMs, backoffMaxMs } = mappingLimits
  const longest = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(failures - 1, 20))
  return Math.ceil(longest * (1 - random() / 2))
}
