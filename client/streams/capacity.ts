// What can be set of a stream, as people say it and as the protocol does: by the table of settings. Runs in the client, pure.
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { SettingsRequest, StreamDescription } from '../../protocol/operations.ts'
import type { FieldValue } from '../../protocol/shapes.ts'
import { streamSettings, type StreamSetting } from '../../protocol/stream-settings.ts'

export type { Scaling, ShardLimits } from '../../protocol/operations.ts'

/** 'provisioned': shards are split and merged on request; 'on-demand': by the broker, with the load. */
export type CapacityMode = StreamDescription['mode']

type Table = typeof streamSettings

/** A structure may be given by the name of a preset, and in part. */
type SettingOption<S extends StreamSetting> =
  FieldValue<S['field']> extends infer V
    ? V extends object
      ? Partial<V> | (S extends { readonly presets: infer P } ? keyof P : never)
      : V
    : never

/** What a stream is told when it is made. */
export type StreamSettings = { readonly [N in keyof Table]?: SettingOption<Table[N]> }

/** What of it can be changed later. */
export type StreamChanges = {
  readonly [N in keyof Table as Table[N]['changes'] extends true ? N : never]?: SettingOption<Table[N]>
}

/** Limits that have a name. 0 stands for no limit. */
export const shardLimitPresets = streamSettings.shardLimits.presets

/** A preset, or figures: what they leave out is not limited. */
export type ShardLimitsOption = NonNullable<StreamSettings['shardLimits']>

/** The settings, checked, as fields of a request. Throws `invalidArgument` for a preset that there is not. */
export function settingsRequest(settings: StreamSettings): SettingsRequest {
  const asked = Object.entries<StreamSetting>(streamSettings).map(([name, setting]) => {
    const value: unknown = settings[name as keyof Table]
    return [name, value === undefined ? undefined : requestOf(name, setting, value)]
  })
  return Object.fromEntries(asked) as SettingsRequest
}

/** A value as the protocol has it. */
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

/** `shardLimits` → `shard limits`. */
function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
