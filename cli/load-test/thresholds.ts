// What a load test is expected to come to: `ack.p99<20ms`, `rate>=99%`, `errors=0`. Parses and decides. Pure.
import { InvalidArgumentError } from 'commander'
import { kinds } from '../../broker/config/kinds.ts'
import { formatCount, formatDuration } from '../output/amounts.ts'
import { percentiles, type LatencySummary } from './measuring/latencies.ts'
import { intendedRate, type LoadPlan } from './load-plan.ts'
import type { LoadResult } from './measuring/load-result.ts'

type Comparison = '<' | '<=' | '>' | '>=' | '='

const comparisons: Readonly<Record<Comparison, { holds: (a: number, b: number) => boolean; words: string }>> =
  {
    '<': { holds: (a, b) => a < b, words: 'below' },
    '<=': { holds: (a, b) => a <= b, words: 'at most' },
    '>': { holds: (a, b) => a > b, words: 'above' },
    '>=': { holds: (a, b) => a >= b, words: 'at least' },
    '=': { holds: (a, b) => a === b, words: '' },
  }

interface Figure {
  readonly doc: string
  readonly of: (result: LoadResult) => number | undefined
  /** What 100 % are, where a percentage may be given. */
  readonly whole?: (result: LoadResult, plan: LoadPlan) => number | undefined
  /** Formats a value. */
  readonly text: (value: number) => string
}

const perSecond = (value: number) => `${formatCount(value)}/s`
const percent = (part: number) => `${Number((part * 100).toFixed(part < 0.1 ? 2 : 1))} %`

/** Figures other than latencies. */
const figures: Readonly<Record<string, Figure>> = {
  rate: {
    doc: 'acknowledged records a second',
    of: ({ acknowledged }) => acknowledged.recordsPerSecond,
    whole: (_, plan) => intendedRate(plan),
    text: perSecond,
  },
  errors: {
    doc: 'records that were not acknowledged',
    of: ({ errors }) => errors,
    whole: ({ sentRecords }) => sentRecords,
    text: formatCount,
  },
  lag: {
    doc: 'most acknowledged records that a reader had not read yet',
    of: ({ lagMax }) => lagMax,
    text: formatCount,
  },
  loop: {
    doc: 'busy part of the event loop of the load itself, in percent',
    of: ({ loopBusy }) => loopBusy,
    whole: () => 1,
    text: percent,
  },
}

const latencyKinds = ['ack', 'e2e', 'group', 'delay'] as const
type LatencyName = (typeof latencyKinds)[number]
const statistics = [...Object.keys(percentiles), 'mean', 'max'] as (keyof LatencySummary)[]

export const thresholdHelp =
  `${latencyKinds.join('|')} with .${statistics.join('|.')}, and ` + Object.keys(figures).join(', ')

export interface Threshold {
  /** As it was given. */
  readonly text: string
  readonly figure: string
  readonly comparison: Comparison
  /** In milliseconds for latencies; from 0 to 1 for a percentage. */
  readonly value: number
  readonly isPercentage: boolean
  /** The latency that it is about. */
  readonly latency: LatencyName | undefined
}

export interface Verdict {
  readonly threshold: Threshold
  readonly holds: boolean
  /** The figure, formatted. */
  readonly actual: string
  /** `ack.p99 is 31 ms, and was expected below 20 ms.` */
  readonly sentence: string
}

/** Parses a threshold, and throws InvalidArgumentError that says what to write. */
export function parseThreshold(text: string): Threshold {
  const [, figure = '', comparison = '', written = ''] =
    /^\s*([A-Za-z0-9.]+?)\s*(<=|>=|<|>|=)\s*(\S+)\s*$/.exec(text) ?? []
  if (figure === '') {
    throw new InvalidArgumentError(
      "Expected a figure, one of < <= > >= =, and a value, such as 'ack.p99<20ms'.",
    )
  }
  const given = { text: text.trim(), figure, comparison: comparison as Comparison }
  const [kind = '', ...statistic] = figure.split('.')
  if ((latencyKinds as readonly string[]).includes(kind)) {
    if (!(statistics as string[]).includes(statistic.join('.'))) {
      throw new InvalidArgumentError(`Expected ${kind}. with one of ${statistics.join(', ')}.`)
    }
    const value = kinds.duration.parse(written) ?? fractionalMs(written)
    if (value === undefined) {
      throw new InvalidArgumentError(`Expected ${kinds.duration.expected} for ${figure}, not ${written}.`)
    }
    return { ...given, value, isPercentage: false, latency: kind as LatencyName }
  }
  const known = Object.hasOwn(figures, figure) ? figures[figure] : undefined
  if (known === undefined)
    throw new InvalidArgumentError(`There is no figure ${figure}: there are ${thresholdHelp}.`)
  const [, digits, sign] = /^(\d+(?:\.\d+)?)(%?)$/.exec(written) ?? []
  const isPercentage = sign === '%'
  if (digits === undefined || (isPercentage ? known.whole === undefined : figure === 'loop')) {
    const expected =
      figure === 'loop' ? 'a percentage' : known.whole === undefined ? 'a number' : 'a number or a percentage'
    throw new InvalidArgumentError(`Expected ${expected} for ${figure}, not ${written}.`)
  }
  const value = isPercentage ? Number(digits) / 100 : Number(digits)
  return { ...given, value, isPercentage, latency: undefined }
}

/** Durations of the configuration are whole; latencies may be `0.5ms`. */
function fractionalMs(text: string): number | undefined {
  const [, digits, unit] = /^(\d+\.\d+)(ms|s)$/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * (unit === 's' ? 1000 : 1)
}

/** Why the plan gives no such figure, and what to add; undefined if it does. */
export function unmeasured({ figure, latency, isPercentage }: Threshold, plan: LoadPlan): string | undefined {
  if (latency === 'e2e' && plan.consumers === 0) return `${figure} needs --consumers of 1 or more.`
  if (latency === 'group' && plan.groups === 0) return `${figure} needs --groups of 1 or more.`
  if (figure === 'rate' && isPercentage && plan.rate === 'max') {
    return 'A percentage of the rate needs a --rate or a --ramp: give records a second.'
  }
  return undefined
}

/** Decides a threshold. A figure of which nothing was measured does not hold. */
export function judge(threshold: Threshold, result: LoadResult, plan: LoadPlan): Verdict {
  const { figure, comparison, value, isPercentage, latency } = threshold
  const { holds, words } = comparisons[comparison]
  const is = latency === undefined ? figures[figure]!.of(result) : latencyOf(threshold, result)
  if (is === undefined) {
    const sentence = `${figure} was not measured: no record came so far.`
    return { threshold, holds: false, actual: '–', sentence }
  }
  const { whole, text } =
    latency === undefined ? figures[figure]! : { text: formatDuration, whole: undefined }
  const all = isPercentage ? whole!(result, plan)! : 1
  const bound = value * all
  const wanted = isPercentage && figure !== 'loop' ? `${percent(value)} of ${text(all)}` : text(bound)
  const expected = words === '' ? wanted : `${words} ${wanted}`
  return {
    threshold,
    holds: holds(is, bound),
    actual: text(is),
    sentence: `${figure} is ${text(is)}, and was expected ${words === '' ? 'to be ' : ''}${expected}.`,
  }
}

function latencyOf({ figure, latency }: Threshold, result: LoadResult): number | undefined {
  const statistic = figure.slice(latency!.length + 1) as keyof LatencySummary
  return result[latency!]?.[statistic]
}
