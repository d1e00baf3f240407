// The flags of `stream create` and `stream update`, derived from the table of settings. Parses their text to the values that
// the client takes. Pure.
import { InvalidArgumentError, Option, type Command } from 'commander'
import { formatValue } from '../broker/config/kinds.ts'
import type { StreamSettings } from '../client/index.ts'
import {
  streamSettings,
  type SettingFlag,
  type StreamSetting,
  type Unit,
} from '../protocol/stream-settings.ts'
import { duration, size, wholeNumber } from './arguments.ts'
import { Failure } from './failure.ts'

/** The flags as commander gives them, by their names in camel case. */
export type SettingsFlags = Readonly<Record<string, unknown>>

type Parse = (text: string) => number

/** The parser of each unit, and its name in help. */
const units: Readonly<
  Record<Unit, { readonly placeholder: string; readonly parse: (min: number) => Parse }>
> = {
  duration: { placeholder: 'duration', parse: () => duration },
  bytes: { placeholder: 'size', parse: () => size },
  count: { placeholder: 'count', parse: wholeNumber },
}

const settings = Object.entries<StreamSetting>(streamSettings)

/** Adds a flag for every setting, such as `--retention`. */
export function addSettingsFlags(command: Command): Command {
  for (const [, setting] of settings) {
    for (const flag of flagsOf(setting)) command.addOption(optionOf(flag, setting))
  }
  return command
}

/** The given flags, as the client takes them. Throws Failure (usage) for a figure that is out of its bounds. */
export function settingsOf(flags: SettingsFlags): StreamSettings {
  return Object.fromEntries(
    settings.flatMap(([name, setting]) => {
      const { flag, flags: parts } = setting
      const value = flag === undefined ? figuresOf(parts ?? {}, flags) : flags[camelCase(flag.name)]
      if (value === undefined) return []
      checkBounds(setting, value)
      return [[name, value]]
    }),
  )
}

/** As the broker says it, with the units in which people write; the client would name its own option. */
function checkBounds({ bounds }: StreamSetting, value: unknown): void {
  if (bounds === undefined || typeof value !== 'number') return
  const { noun, unit, min, max } = bounds
  if (value >= min && value <= max) return
  const [given, least, most] = [value, min, max].map((figure) => formatValue(unit, figure))
  const message = `A ${noun} of ${given} is out of bounds: it lies between ${least} and ${most}.`
  throw new Failure(message, 'usage')
}

function flagsOf({ flag, flags = {} }: StreamSetting): readonly SettingFlag[] {
  return flag === undefined ? Object.values(flags) : [flag]
}

function optionOf(
  { name, doc, unit, min = 0 }: SettingFlag,
  { field, flag, presets }: StreamSetting,
): Option {
  if (flag?.parts !== undefined) {
    const list = { parts: flag.parts, presets: Object.keys(presets ?? {}) }
    const expected = expectedOf(list)
    return new Option(`--${name} <${name}>`, `${doc}: ${expected}`).argParser((text) => listed(text, list))
  }
  if (unit !== undefined) {
    const { placeholder, parse } = units[unit]
    return new Option(`--${name} <${placeholder}>`, doc).argParser(parse(min))
  }
  const option = new Option(`--${name} <${name}>`, doc)
  return field.kind === 'choice' ? option.choices(field.values) : option
}

/** A structure that is written as a list, with the names of its presets. */
interface ListedSetting {
  readonly parts: Readonly<Record<string, SettingFlag>>
  readonly presets: readonly string[]
}

/** Parses `none`, `kinesis`, or a list such as `write-bytes=1MiB,reads=5`; parts left out have their default. */
function listed(text: string, setting: ListedSetting): string | Record<string, number> {
  if (setting.presets.includes(text)) return text
  const figures: Record<string, number> = {}
  for (const part of text.split(',')) {
    const [name = '', value, ...rest] = part.split('=')
    const found = Object.entries(setting.parts).find(([, flag]) => flag.name === name)
    if (found === undefined || value === undefined || rest.length > 0) {
      throw new InvalidArgumentError(`Expected ${expectedOf(setting)}.`)
    }
    const [field, { unit = 'count', min = 0 }] = found
    figures[field] = units[unit].parse(min)(value)
  }
  return figures
}

function expectedOf({ parts, presets }: ListedSetting): string {
  const names = Object.values(parts).map(({ name }) => name)
  return `${presets.join(', ')}, or a list such as write-bytes=1MiB,reads=5 of ${names.join(', ')}`
}

/** The fields of a structure whose flags were given; undefined if none was. */
function figuresOf(
  parts: Readonly<Record<string, SettingFlag>>,
  flags: SettingsFlags,
): Record<string, unknown> | undefined {
  const given = Object.entries(parts).flatMap(([field, { name }]) => {
    const value = flags[camelCase(name)]
    return value === undefined ? [] : [[field, value] as const]
  })
  return given.length === 0 ? undefined : Object.fromEntries(given)
}

/** `min-shards` → `minShards`, as commander names the values of its options. */
function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
