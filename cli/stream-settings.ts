// The settings of a stream as flags of `stream create` and `stream update`: from text to what the client takes. Pure.
import { InvalidArgumentError, Option, type Command } from 'commander'
import { shardLimitPresets } from '../client/capacity.ts'
import type { CapacityMode, ShardLimits, ShardLimitsOption, StreamSettings } from '../client/index.ts'
import { duration, size, wholeNumber } from './arguments.ts'

/** Limits of a shard as they are written in `--limits`, and how the value of each is read. */
export const limitNames = {
  'write-bytes': { field: 'writeBytesPerSecond', parse: size },
  'write-records': { field: 'writeRecordsPerSecond', parse: wholeNumber(0) },
  'read-bytes': { field: 'readBytesPerSecond', parse: size },
  reads: { field: 'readsPerSecond', parse: wholeNumber(0) },
  'subscription-bytes': { field: 'subscriptionBytesPerSecond', parse: size },
} as const satisfies Record<string, { field: keyof ShardLimits; parse: (text: string) => number }>

const limitsExpected = `${Object.keys(shardLimitPresets).join(', ')}, or a list such as write-bytes=1MiB,reads=5 of ${Object.keys(limitNames).join(', ')}`

/** `none`, `kinesis`, or `write-bytes=1MiB,reads=5`: what the list leaves out is not limited. */
export function shardLimits(text: string): ShardLimitsOption {
  if (isPreset(text)) return text
  const figures: Partial<Record<keyof ShardLimits, number>> = {}
  for (const part of text.split(',')) {
    const [name = '', value, ...rest] = part.split('=')
    const limit = Object.hasOwn(limitNames, name) ? limitNames[name as keyof typeof limitNames] : undefined
    if (limit === undefined || value === undefined || rest.length > 0) {
      throw new InvalidArgumentError(`Expected ${limitsExpected}.`)
    }
    figures[limit.field] = limit.parse(value)
  }
  return figures
}

function isPreset(text: string): text is keyof typeof shardLimitPresets {
  return Object.hasOwn(shardLimitPresets, text)
}

/** What commander makes of the flags. */
export interface SettingsFlags {
  readonly mode?: CapacityMode
  readonly retention?: number
  readonly retentionBytes?: number
  readonly limits?: ShardLimitsOption
  readonly minShards?: number
  readonly maxShards?: number
  readonly targetBytes?: number
  readonly targetRecords?: number
}

const settingsFlags: readonly Option[] = [
  new Option('--mode <mode>', 'provisioned: shards as you say; on-demand: as the load asks').choices([
    'provisioned',
    'on-demand',
  ] satisfies CapacityMode[]),
  new Option('--retention <duration>', 'how long a record stays readable, 1h to 365d').argParser(duration),
  new Option('--retention-bytes <size>', 'how much is kept over all shards, 0 for no bound').argParser(size),
  new Option('--limits <limits>', `what each shard takes and gives a second: ${limitsExpected}`).argParser(
    shardLimits,
  ),
  new Option('--min-shards <count>', 'fewest shards while the stream is on-demand').argParser(wholeNumber(1)),
  new Option('--max-shards <count>', 'most shards while the stream is on-demand').argParser(wholeNumber(1)),
  new Option('--target-bytes <size>', 'bytes a second that a shard is meant to take then').argParser(size),
  new Option('--target-records <count>', 'records a second that a shard is meant to take then').argParser(
    wholeNumber(1),
  ),
]

/** Adds `--mode`, `--retention` and all the others. */
export function addSettingsFlags(command: Command): Command {
  for (const option of settingsFlags) command.addOption(option)
  return command
}

/** The flags that were given, as the client takes them. */
export function settingsOf(flags: SettingsFlags): StreamSettings {
  const { mode, retention, retentionBytes, limits } = flags
  const scaling = given({
    shardsMin: flags.minShards,
    shardsMax: flags.maxShards,
    targetBytesPerSecond: flags.targetBytes,
    targetRecordsPerSecond: flags.targetRecords,
  })
  return given({
    mode,
    retentionMs: retention,
    retentionBytes,
    shardLimits: limits,
    scaling: Object.keys(scaling).length === 0 ? undefined : scaling,
  })
}

/** Without the fields that are undefined: what is not said is not sent. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}
