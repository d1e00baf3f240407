// Flags of a scenario, from its table of settings: `recordBytes: { default: [100, 1024] }` is `--record-bytes 100,1024`.
// Pure.
import { InvalidArgumentError } from 'commander'
import type { Settings, ValuesOf } from './scenario.ts'

/** `recordBytes` as a flag's name: `record-bytes`. */
export function flagNameOf(setting: string): string {
  return setting.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** A whole number, with `k`, `M` or `Ki`, `Mi` for large ones: `64Ki` is 65,536. */
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

/** The values of a run: what was given on the command line over the defaults of the table. */
export function valuesOf<S extends Settings>(
  settings: S,
  given: Readonly<Record<string, unknown>>,
): ValuesOf<S> {
  const entries = Object.entries(settings).map(([name, setting]) => [name, given[name] ?? setting.default])
  return Object.fromEntries(entries) as ValuesOf<S>
}
