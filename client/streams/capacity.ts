// The settings of a stream in the client's form, and their conversion to requests, by the table of settings. Runs in the client,
// pure.
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { SettingsRequest, StreamDescription } from '../../protocol/operations.ts'
import type { FieldValue } from '../../protocol/shapes.ts'
import { streamSettings, type StreamSetting } from '../../protocol/stream-settings.ts'

export type { Scaling, ShardLimits } from '../../protocol/operations.ts'

/** 'provisioned': shards are split and merged on request; 'on-demand': the broker splits and merges them with the load. */
export type CapacityMode = StreamDescription['mode']

type Table = typeof streamSettings

/** The type of a setting's option. A structure may be given by the name of a preset, or in part. */
type SettingOption<S extends StreamSetting> =
  FieldValue<S['field']> extends infer V
    ? V extends object
      ? Partial<V> | (S extends { readonly presets: infer P } ? keyof P : never)
      : V
    : never

/** Settings of a new stream. */
export type StreamSettings = { readonly [N in keyof Table]?: SettingOption<Table[N]> }

/** Settings that can be changed later. */
export type StreamChanges = {
  readonly [N in keyof Table as Table[N]['changes'] extends true ? N : never]?: SettingOption<Table[N]>
}

/** Named limits of shards. 0 stands for no limit. */
export const shardLimitPresets = streamSettings.shardLimits.presets

/** The name of a preset, or limits; those left out do not apply. */
export type ShardLimitsOption = NonNullable<StreamSettings['shardLimits']>

/** Converts checked settings to fields of a request. Throws `invalidArgument` for an unknown preset. */
export function settingsRequest(settings: StreamSettings): SettingsRequest {
  const asked = Object.entries<StreamSetting>(streamSettings).map(([name, setting]) => {
    const value: unknown = settings[name as keyof Table]
    return [name, value === undefined ? undefined : requestOf(name, setting, value)]
  })
  return Object.fromEntries(asked) as SettingsRequest
}

/** Converts the value of a setting to the protocol's form. */
function requestOf(
  name: string,
  { field, presets, merge, default: unsaid }: StreamSetting,
  value: unknown,
): unknown {
  if (field.kind !== 'struct') return value
  if (typeof value === 'string') return presetOf(name, presets, value)
  const said = Object.fromEntries(Object.entries(value as object).filter(([, part]) => part !== undefined))
  return merge === 'whole' ? { ...(unsaid as object), ...said } : said
}

function presetOf(name: string, presets: StreamSetting['presets'], preset: string): unknown {
  if (presets !== undefined && Object.hasOwn(presets, preset)) return presets[preset]
  const named = presets === undefined ? '' : `there are ${Object.keys(presets).join(', ')}, or `
  const message = `There are no ${wordsOf(name)} called ${JSON.stringify(preset)}: ${named}give figures.`
  throw new MillraceError('invalidArgument', message)
}

/** Turns `shardLimits` into `shard limits`. */
function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
