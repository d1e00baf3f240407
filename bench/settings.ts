// Makes a scenario's flags from its settings: `recordBytes: { default: [100, 1024] }` is `--record-bytes 100,1024`.
// Pure.
import { InvalidArgumentError } from 'commander'
import type { Settings, ValuesOf } from './scenario.ts'

/** The flag name of a setting: `record-bytes` for `recordBytes`. */
export function flagNameOf(setting: string): string {
  return setting.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Parses a whole number, with an optional `k`, `M`, `Ki` or `Mi`: `64Ki` is 65,536. */
export function parseCount(text: string): number {
  const match = /^(\d+)(k|M|Ki|Mi)?$/.exec(text.trim())
  if (!match)
    throw new InvalidArgumentError(`${JSON.stringify(text)} is not a whole number such as 100, 5k or 64Ki.`)
  const factors: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, Ki: 1024, Mi: 1024 ** 2 }
  return Number(match[1]) * (factors[match[2] ?? ''] ?? 1)
}

export function parseCounts(text: string): readonly number[] {
  return text.split(',').map(parseCount)
}

/** The values of a run: those given on the command line, and the table's defaults for the others. */
export function valuesOf<S extends Settings>(
  settings: S,
  given: Readonly<Record<string, unknown>>,
): ValuesOf<S> {
  const entries = Object.entries(settings).map(([name, setting]) => [name, given[name] ?? setting.default])
  return Object.fromEntries(entries) as ValuesOf<S>
}
