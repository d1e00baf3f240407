// The settings of a stream: merges a request with defaults or current settings, and checks the result.
// Runs in the controller; pure. All settings in a stream's row have passed these checks.
import type { Config } from '../../config/derive.ts'
import { limits } from '../../../protocol/limits.ts'
import type { RequestOf, Scaling } from '../../../protocol/operations.ts'
import { refusal, type Fail } from '../../../protocol/refusal.ts'
import {
  settingDefaults,
  settingNames,
  streamSettings,
  type ServedSettings,
  type SettingName,
  type SettingsRequest,
  type StreamSetting,
  type StreamSettings,
} from '../../../protocol/stream-settings.ts'
import { formatValue } from '../../config/kinds.ts'

/** Settings of a new stream that its creator leaves out; they come from the broker's configuration. */
export interface StreamDefaults {
  /** Shards of a new on-demand stream, and default of its `shardsMin`. */
  readonly onDemandShards: number
  readonly targetBytesPerSecond: number
  readonly targetRecordsPerSecond: number
}

/** Returns the settings of new streams that are configured. */
export function streamDefaultsOf(
  config: Pick<Config, 'onDemandShards' | 'onDemandShardBytes' | 'onDemandShardRecords'>,
): StreamDefaults {
  return {
    onDemandShards: config.onDemandShards,
    targetBytesPerSecond: config.onDemandShardBytes,
    targetRecordsPerSecond: config.onDemandShardRecords,
  }
}

/**
 * Picks the settings from a stream's row. Here the stored format meets the protocol: they share names, not types, and a row
 * that lacks a setting of the protocol does not compile.
 */
export function settingsOf(values: StreamSettings): StreamSettings {
  return picked(values, settingNames) as StreamSettings
}

/** Picks the settings that the hosts of a stream must know. */
export function servedSettings(values: StreamSettings): ServedSettings {
  return picked(values, servedNames) as ServedSettings
}

/** True if all settings are equal. */
export function isSameSettings(a: StreamSettings, b: StreamSettings): boolean {
  return settingNames.every((name) => isSame(a[name], b[name]))
}

/** True if all settings that hosts must know are equal. */
export function isServedAlike(a: ServedSettings, b: ServedSettings): boolean {
  return servedNames.every((name) => isSame(a[name], b[name]))
}

const servedNames = settingNames.filter((name) => streamSettings[name].served) as (keyof ServedSettings)[]

function picked(values: StreamSettings, names: readonly SettingName[]): Partial<StreamSettings> {
  return Object.fromEntries(names.map((name) => [name, values[name]]))
}

function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return a === b
  const [one, other] = [a as Fields, b as Fields]
  return Object.keys(one).every((key) => isSame(one[key], other[key]))
}

type Fields = Readonly<Record<string, unknown>>

/** Returns the settings after a request; what it leaves out stays. */
function merged(current: StreamSettings, request: Partial<SettingsRequest>): StreamSettings {
  const entries = settingNames.map((name) => {
    const { merge }: StreamSetting = streamSettings[name]
    const [before, asked] = [current[name], request[name]] as [unknown, unknown]
    if (asked === undefined) return [name, before]
    return [name, merge === 'whole' ? asked : { ...(before as Fields), ...said(asked as Fields) }]
  })
  return Object.fromEntries(entries) as StreamSettings
}

/** Returns the fields that are not undefined. */
function said(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Default of `scaling.shardsMax`: most shards that an on-demand stream is split to. */
const SHARDS_MAX_DEFAULT = 256

/** Returns the settings of a new stream and its number of shards. Throws `invalidArgument` or `limitExceeded`. */
export function newSettings(
  request: RequestOf<'createStream'>,
  defaults: StreamDefaults,
  fail: Fail<'limitExceeded'>,
): { readonly settings: StreamSettings; readonly shardCount: number } {
  const { scaling: wanted = {} } = request
  const isOnDemand = request.mode === 'on-demand'
  const shardCount = request.shardCount ?? (isOnDemand ? startWithin(wanted, defaults) : 1)
  checkShardCount(shardCount, fail)
  const scaling = scalingDefaults(wanted, shardCount, defaults)
  const settings = merged({ ...settingDefaults, scaling }, request)
  checkSettings(settings)
  if (isOnDemand) checkStart(shardCount, settings.scaling)
  return { settings, shardCount }
}

/** Returns the settings after an update; what the request leaves out stays. Throws `invalidArgument`. */
export function updatedSettings(current: StreamSettings, request: RequestOf<'updateStream'>): StreamSettings {
  const settings = merged(settingsOf(current), request)
  checkSettings(settings)
  return settings
}

/** Returns defaults of `scaling` for a new stream, with bounds that fit the values that the request gives. */
function scalingDefaults(
  { shardsMin, shardsMax }: Partial<Scaling>,
  shardCount: number,
  { onDemandShards, targetBytesPerSecond, targetRecordsPerSecond }: StreamDefaults,
): Scaling {
  const least = shardsMin ?? Math.min(onDemandShards, shardCount, shardsMax ?? Infinity)
  return {
    shardsMin: least,
    shardsMax: Math.max(SHARDS_MAX_DEFAULT, shardCount, least),
    targetBytesPerSecond,
    targetRecordsPerSecond,
  }
}

/** Number of shards of a new on-demand stream whose request gives none: the default, moved into the given bounds. */
function startWithin(wanted: Partial<Scaling>, { onDemandShards }: StreamDefaults): number {
  const atLeast = Math.max(onDemandShards, wanted.shardsMin ?? 0)
  // Bounds that contradict each other are refused later, by name.
  return Math.max(1, Math.min(atLeast, wanted.shardsMax ?? Infinity))
}

/** Throws `invalidArgument` or `limitExceeded` for a count of open shards that no stream can have. */
export function checkShardCount(shardCount: number, fail: Fail<'limitExceeded'>): void {
  if (shardCount < 1) refuse('A stream needs at least one shard.')
  if (shardCount <= limits.shardsPerStreamMax) return
  fail(
    'limitExceeded',
    `${shardCount} shards are above the limit of ${limits.shardsPerStreamMax} for one stream.`,
  )
}

/** Throws `invalidArgument` where a setting is out of bounds, or settings contradict each other. */
function checkSettings(settings: StreamSettings): void {
  for (const name of settingNames) {
    const { bounds }: StreamSetting = streamSettings[name]
    const value: unknown = settings[name]
    if (bounds === undefined || typeof value !== 'number') continue
    const { noun, unit, min, max } = bounds
    if (value >= min && value <= max) continue
    const shown = (figure: number): string => formatValue(unit, figure)
    refuse(`A ${noun} of ${shown(value)} is out of bounds: it lies between ${shown(min)} and ${shown(max)}.`)
  }
  checkScaling(settings.scaling)
}

function checkScaling(scaling: Scaling): void {
  const { shardsMin, shardsMax, targetBytesPerSecond, targetRecordsPerSecond } = scaling
  const most = limits.shardsPerStreamMax
  if (shardsMin < 1) refuse('scaling.shardsMin is 0: a stream keeps at least one open shard.')
  if (shardsMax > most) {
    refuse(`scaling.shardsMax is ${shardsMax}: one stream has at most ${most} open shards.`)
  }
  if (shardsMin > shardsMax) {
    refuse(
      `scaling.shardsMin, ${shardsMin}, is above scaling.shardsMax, ${shardsMax}: lower the one or raise the other.`,
    )
  }
  if (targetBytesPerSecond < 1) {
    refuse('scaling.targetBytesPerSecond is 0: give the bytes a second that one shard is meant to take.')
  }
  if (targetRecordsPerSecond < 1) {
    refuse('scaling.targetRecordsPerSecond is 0: give the records a second that one shard is meant to take.')
  }
}

function checkStart(shardCount: number, { shardsMin, shardsMax }: Scaling): void {
  if (shardCount >= shardsMin && shardCount <= shardsMax) return
  refuse(
    `An on-demand stream cannot start with shardCount ${shardCount}: its bounds are ${shardsMin} to ${shardsMax}` +
      ' (scaling.shardsMin and scaling.shardsMax).',
  )
}

function refuse(message: string): never {
  throw refusal('invalidArgument', message)
}
