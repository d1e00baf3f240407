// The result of a benchmark as plain data: figures with their units, bars, and ratios to the machine's limits. Pure. The
// table, the plot and --json are views of it.
import type { LatencySummary } from '../harness/latency.ts'

export type Unit =
  | 'records'
  | 'records/s'
  | 'puts/s'
  | 'checkpoints/s'
  | 'MB/s'
  | 'ms'
  | 's'
  | 'MB'
  | 'MiB'
  | 'segments'
  | 'objects'
  | 'connections'
  | 'clients'
  | 'probes'
  | 'runs'
  | 'x'
  | '%'

/** The value that a figure must reach, in the figure's unit. */
export interface Bar {
  readonly sense: 'atLeast' | 'atMost'
  readonly value: number
  /** Origin of a computed value: "60 % of raw lmdb-js". */
  readonly because?: string
}

/** A limit of the machine, measured in the same run, and the figure's ratio to it. */
export interface Ratio {
  readonly of: string
  readonly limit: number
  readonly ratio: number
}

export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: Unit
  readonly bar?: Bar
  readonly ratios?: readonly Ratio[]
}

export interface LatencyCurve {
  readonly name: string
  readonly summary: LatencySummary
}

export interface Report {
  readonly scenario: string
  readonly figures: readonly Figure[]
  readonly latencies: readonly LatencyCurve[]
  /** The settings with which the figures were measured. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Facts that a reader needs to understand the figures. */
  readonly notes: readonly string[]
}

export type Verdict = 'pass' | 'miss' | undefined

/** Whether the figure reaches its bar; undefined if it has none. */
export function verdictOf(figure: Figure): Verdict {
  if (!figure.bar) return undefined
  const reached =
    figure.bar.sense === 'atLeast' ? figure.value >= figure.bar.value : figure.value <= figure.bar.value
  return reached ? 'pass' : 'miss'
}

/** How far the figure is beyond its bar (positive) or short of it (negative), as a part of the bar; undefined for a bar of 0. */
export function marginOf(figure: Figure): number | undefined {
  if (!figure.bar || figure.bar.value === 0) return undefined
  const difference =
    figure.bar.sense === 'atLeast' ? figure.value - figure.bar.value : figure.bar.value - figure.value
  return difference / figure.bar.value
}

/** The ratio of a value to a limit of the machine. */
export function ratioTo(of: string, value: number, limit: number): Ratio {
  return { of, limit, ratio: limit > 0 ? value / limit : Number.NaN }
}

/** Formats a number for people: `1,050,000 records/s`, `0.44 ms`, `62 %`. */
export function formatValue(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return 'no figure'
  const text = formatNumber(value)
  if (unit === 'x') return `${text}×`
  return `${text} ${unit}`
}

function formatNumber(value: number): string {
  const size = Math.abs(value)
  const fractionDigits = size >= 100 ? 0 : size >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { maximumFractionDigits: fractionDigits })
}

export function formatBar(bar: Bar, unit: Unit): string {
  const sign = bar.sense === 'atLeast' ? '≥' : '≤'
  return `${sign} ${formatValue(bar.value, unit)}${bar.because ? ` (${bar.because})` : ''}`
}
