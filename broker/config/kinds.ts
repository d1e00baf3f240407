// The kinds of option values: how each is parsed, formatted and described. Runs anywhere; pure. Every source of
// configuration (flag, environment, file) uses the same `parse`, so that no value is accepted in one place and refused in
// another.

/** How one kind of value is written. `parse` returns undefined for text that is not of the kind; it checks no bounds. */
interface Kind<T> {
  readonly placeholder: string
  /** Completes "expected …". */
  readonly expected: string
  /** A regular expression over the text, for the JSON Schema. */
  readonly pattern?: string
  readonly parse: (text: string) => T | undefined
  readonly format: (value: T) => string
}

const byteUnits: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
}

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** The kinds of value. `bytes` parses to a number of bytes, `duration` to milliseconds. */
export const kinds = {
  port: {
    placeholder: '<port>',
    expected: 'a port number',
    pattern: '^\\d{1,5}$',
    parse: parseWhole,
    format: String,
  },
  count: {
    placeholder: '<count>',
    expected: 'a whole number',
    pattern: '^\\d{1,15}$',
    parse: parseWhole,
    format: String,
  },
  bytes: {
    placeholder: '<size>',
    expected: 'a size such as 64MiB or 1GB',
    pattern: '^\\d+(\\.\\d+)? ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$',
    parse: (text) => parseMeasure(/^\d+$/.test(text) ? `${text}B` : text, byteUnits),
    format: (value: number) => formatMeasure(value, byteUnits, ['TiB', 'GiB', 'MiB', 'KiB', 'B']),
  },
  duration: {
    placeholder: '<duration>',
    expected: 'a duration such as 250ms, 30s or 24h',
    pattern: '^\\d+(\\.\\d+)? ?(ms|s|m|h|d)$',
    // A bare number is refused, because it could mean seconds or milliseconds.
    parse: (text) => parseMeasure(text, durationUnits),
    format: (value: number) => formatMeasure(value, durationUnits, ['d', 'h', 'm', 's', 'ms']),
  },
  path: { placeholder: '<path>', expected: 'a path', parse: parseText, format: String },
  string: { placeholder: '<text>', expected: 'some text', parse: parseText, format: String },
  switch: {
    placeholder: '',
    expected: 'true or false',
    pattern: '^(true|false)$',
    parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
    format: String,
  },
  choice: { placeholder: '<choice>', expected: 'one of some words', parse: parseText, format: String },
} as const satisfies Record<string, Kind<never> | Kind<number> | Kind<string> | Kind<boolean>>

export type KindName = keyof typeof kinds

/** The TypeScript value of a kind. */
export type KindValue<K extends KindName> = NonNullable<ReturnType<(typeof kinds)[K]['parse']>>

/** Shows a value as an operator would write it: 67108864 as `64MiB`. */
export function formatValue(kind: KindName, value: string | number | boolean): string {
  return typeof value === 'number' ? (kinds[kind] as Kind<number>).format(value) : String(value)
}

function parseText(text: string): string | undefined {
  return text.trim() === '' ? undefined : text
}

function parseWhole(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function parseMeasure(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, amount, unit] = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]+)$/.exec(text) ?? []
  const factor = unit === undefined ? undefined : units[unit]
  if (amount === undefined || factor === undefined) return undefined
  const value = Number(amount) * factor
  return Number.isSafeInteger(value) ? value : undefined
}

function formatMeasure(
  value: number,
  units: Readonly<Record<string, number>>,
  order: readonly string[],
): string {
  const unit =
    order.find((name) => value !== 0 && value % (units[name] ?? Infinity) === 0) ?? order.at(-1) ?? ''
  return `${value / (units[unit] ?? 1)}${unit}`
}
