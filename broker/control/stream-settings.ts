// The settings of a stream: what a request says, what it leaves out, and whether they can hold together.
// Runs in the controller; pure. Whatever a row says of settings has passed through here.
import { limits } from '../../protocol/limits.ts'
import type { RequestOf, Scaling } from '../../protocol/operations.ts'
import { refusal, type Fail } from '../../protocol/refusal.ts'
import {
  settingDefaults,
  settingNames,
  streamSettings,
  type ServedSettings,
  type SettingName,
  type SettingsRequest,
  type StreamSetting,
  type StreamSettings,
} from '../../protocol/stream-settings.ts'
import { formatValue } from '../config/kinds.ts'

/** What a stream is started with where its creator says nothing; the config table decides it. */
export interface StreamDefaults {
  /** Shards of a new on-demand stream, and the fewest that one is merged to. */
  readonly onDemandShards: number
  readonly targetBytesPerSecond: number
  readonly targetRecordsPerSecond: number
}

/**
 * The settings of a stream among all that its row says: where what is stored meets what is told. They share names, not
 * types; a row that lacks a setting of the table does not compile here.
 */
export function settingsOf(values: StreamSettings): StreamSettings {
  return picked(values, settingNames) as StreamSettings
}

/** What the hosts of a stream must know of its settings. */
export function servedSettings(values: StreamSettings): ServedSettings {
  return picked(values, servedNames) as ServedSettings
}

/** Says whether two are the same in every value. */
export function isSameSettings(a: StreamSettings, b: StreamSettings): boolean {
  return settingNames.every((name) => isSame(a[name], b[name]))
}

/** Says whether a host that knows one of the two knows the other. */
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

/** The settings after a request; what it leaves out stays. */
function merged(current: StreamSettings, request: Partial<SettingsRequest>): StreamSettings {
  const entries = settingNames.map((name) => {
    const { merge }: StreamSetting = streamSettings[name]
    const [before, asked] = [current[name], request[name]] as [unknown, unknown]
    if (asked === undefined) return [name, before]
    return [name, merge === 'whole' ? asked : { ...(before as Fields), ...said(asked as Fields) }]
  })
  return Object.fromEntries(entries) as StreamSettings
}

/** Without the fields that are undefined. */
function said(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Most shards that an on-demand stream is split to, unless its creator says otherwise. */
const SHARDS_MAX_DEFAULT = 256

/** The settings of a new stream and the shards that it starts with. Throws `invalidArgument` or `limitExceeded`. */
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

/** The settings after an update; what it leaves out stays. Throws `invalidArgument`. */
export function updatedSettings(current: StreamSettings, request: RequestOf<'updateStream'>): StreamSettings {
  const settings = merged(settingsOf(current), request)
  checkSettings(settings)
  return settings
}

/** What of an on-demand stream its creator left to the broker; the bounds fit to what he did say. */
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

/** Where an on-demand stream starts whose creator gave bounds at most: as near to the default as they let it. */
function startWithin(wanted: Partial<Scaling>, { onDemandShards }: StreamDefaults): number {
  const atLeast = Math.max(onDemandShards, wanted.shardsMin ?? 0)
  // Bounds that contradict each other are refused after this, by name.
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

/** Throws where a setting is out of its bounds, or some contradict each other. */
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
