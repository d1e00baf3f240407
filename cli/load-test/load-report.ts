// A load test in words and tables, for people and for scripts. Pure. Lines fit 80 columns.
import { countOf, formatBytes, formatCount, formatDuration } from '../output/amounts.ts'
import { visible } from '../../protocol/text/visible-text.ts'
import { percentiles, type LatencySummary } from './measuring/latencies.ts'
import type { LoadPlan } from './load-plan.ts'
import type { LoadMoment, LoadResult, LoadStep, Throughput } from './measuring/load-result.ts'
import type { LoadPhase } from './run-load.ts'
import type { Verdict } from './thresholds.ts'

/** From here on the load's own event loop bounds what is measured. */
const LOOP_BUSY = 0.9

/** What is about to happen, before it does. */
export function loadIntent(plan: LoadPlan, shards: number): string {
  const { rate, sizes, keys, producers, consumers, groups, members, stream, newShards } = plan
  const speed = rate === 'max' ? 'as fast as there is room' : `at ${rate.text}`
  const readers = [
    ...(consumers === 0 ? [] : [countOf(consumers, 'consumer')]),
    ...(groups === 0 ? [] : [`${countOf(groups, 'group')} of ${countOf(members, 'member')}`]),
  ]
  const made = newShards === undefined ? '' : ', made for this and deleted at the end'
  return [
    `Stream ${stream}, ${countOf(shards, 'shard')}${made}.`,
    `Records of ${sizes.text}, ${keys.text}, ${speed}.`,
    [countOf(producers, 'producer'), ...readers].join(', ') + `; ${timesOf(plan)}.`,
  ].join('\n')
}

/** What the last second was like, in one line. */
export function loadLine({ recordsPerSecond, ack, e2e, group, errors, lag }: LoadMoment): string {
  const times = [pairOf('ack', ack), pairOf(e2e === undefined ? 'group' : 'e2e', e2e ?? group)]
  const parts = [
    `${formatCount(recordsPerSecond)}/s`,
    ...times.filter((text) => text !== ''),
    `errors ${formatCount(errors)}`,
    `lag ${formatCount(lag)}`,
  ]
  return parts.join('  ')
}

/** How far the load is: `12 of 30 s`, `warming up 1 of 5 s`. */
export function loadProgress(
  phase: LoadPhase,
  elapsedMs: number,
  { durationMs, warmUpMs }: LoadPlan,
): string {
  if (phase === 'waiting') return 'waiting for the last'
  const total = phase === 'warming up' ? warmUpMs : durationMs
  const at = `${Math.min(Math.round(elapsedMs / 1000), Math.ceil(total / 1000))} of ${Math.ceil(total / 1000)} s`
  return phase === 'warming up' ? `warm-up ${at}` : at
}

export function loadReport(plan: LoadPlan, result: LoadResult, verdicts: readonly Verdict[]): string {
  return [
    latencyTable(result),
    throughputTable(result),
    ...(plan.rate !== 'max' && plan.rate.arrivals.from !== plan.rate.arrivals.to && result.steps.length > 0
      ? [stepTable(result.steps)]
      : []),
    [checksLine(plan, result), ...errorLines(result)].join('\n'),
    ...(verdicts.length === 0 ? [] : [verdictLines(verdicts)]),
    ...remarks(plan, result),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

export function loadReportJson(plan: LoadPlan, result: LoadResult, verdicts: readonly Verdict[]) {
  const { failure, ...figures } = result
  const { rate, sizes, keys, newShards, ...others } = plan
  return {
    plan: {
      ...others,
      shards: newShards,
      rate: rate === 'max' ? rate : rate.arrivals,
      recordBytes: { min: sizes.min, max: sizes.max },
      keys: keys.text,
    },
    ...figures,
    failure: failure instanceof Error ? failure.message : undefined,
    expectations: verdicts.map(({ threshold, holds, actual }) => ({
      expect: threshold.text,
      holds,
      actual,
    })),
  }
}

/** What was found that must not be, one sentence each: acknowledged records that are gone, came twice, or in another order. */
export function brokenPromises({ lost, duplicates, outOfOrder }: LoadResult): string[] {
  return [
    ...(lost === 0
      ? []
      : [`${countOf(lost, 'acknowledged record')} not read in time: lost, or still on the way.`]),
    ...(duplicates === 0 ? [] : [`${countOf(duplicates, 'record')} read more than once.`]),
    ...(outOfOrder === 0
      ? []
      : [`${countOf(outOfOrder, 'record')} read behind a later one of the same key.`]),
  ]
}

function latencyTable({ ack, e2e, group, delay }: LoadResult): string {
  const rows = [
    ['acknowledged', ack],
    ['end to end', e2e],
    ['by groups', group],
    ['send delay', delay],
  ] as const
  const columns = [...(Object.keys(percentiles) as (keyof LatencySummary)[]), 'max'] as const
  const measured = rows.flatMap(([name, summary]) =>
    summary === undefined ? [] : [[name, ...columns.map((column) => formatDuration(summary[column]))]],
  )
  if (measured.length === 0) return ''
  return numbers(['LATENCY', ...columns.map((column) => column.toUpperCase())], measured)
}

function throughputTable(result: LoadResult): string {
  const { sent, acknowledged, consumed, groupConsumed } = result
  const rows: (readonly [string, Throughput | undefined])[] = [
    ['sent', sent],
    ['acknowledged', acknowledged],
    ['read by each', consumed],
    ['by each group', groupConsumed],
  ]
  const cells = rows.flatMap(([name, figures]) =>
    figures === undefined
      ? []
      : [
          [
            name,
            formatCount(figures.records),
            formatCount(figures.recordsPerSecond),
            `${formatBytes(Math.round(figures.bytesPerSecond))}/s`,
          ],
        ],
  )
  return numbers(['THROUGHPUT', 'RECORDS', 'RECORDS/S', 'DATA'], cells)
}

function stepTable(steps: readonly LoadStep[]): string {
  const ms = (value: number | undefined) => (value === undefined ? '–' : formatDuration(value))
  const rows = steps.map(({ untilMs, intendedPerSecond = 0, recordsPerSecond, ack, e2e, group, lag }) => [
    formatDuration(untilMs),
    formatCount(intendedPerSecond),
    formatCount(recordsPerSecond),
    ms(ack?.p50),
    ms(ack?.p99),
    ms((e2e ?? group)?.p99),
    formatCount(lag),
  ])
  const head = ['UNTIL', 'INTENDED/S', 'ACKED/S', 'ACK P50', 'ACK P99', 'E2E P99', 'LAG']
  return numbers(head, rows, 0)
}

function checksLine(plan: LoadPlan, result: LoadResult): string {
  const { errors, lost, duplicates, outOfOrder, reprocessed, lagMax, sentRecords } = result
  const sums = `${countOf(sentRecords, 'record')} sent in all, ${countOf(errors, 'error')}`
  if (plan.consumers + plan.groups === 0) return `${sums}. Nothing read them.`
  const again = reprocessed === 0 ? '' : `, ${formatCount(reprocessed)} processed again`
  return (
    `${sums}; lag at most ${formatCount(lagMax)}.\n` +
    `Checked: ${formatCount(lost)} lost, ${formatCount(duplicates)} doubled, ${formatCount(outOfOrder)} out of order${again}.`
  )
}

function errorLines({ errorKinds }: LoadResult): string[] {
  return errorKinds.map(
    ({ code, count, message }) => `  ${formatCount(count)} × ${visible(code)}: ${visible(message)}`,
  )
}

function verdictLines(verdicts: readonly Verdict[]): string {
  const width = Math.max(...verdicts.map(({ threshold }) => threshold.text.length))
  return verdicts
    .map(
      ({ holds, threshold, actual }) =>
        `${holds ? 'ok  ' : 'FAIL'}  ${threshold.text.padEnd(width)}  ${actual}`,
    )
    .join('\n')
}

/** What a reader of the figures should know of them. */
function remarks({ rate }: LoadPlan, { loopBusy, isInterrupted, measuredMs }: LoadResult): string[] {
  return [
    ...(loopBusy < LOOP_BUSY
      ? []
      : [
          `The event loop of this load was ${Math.round(loopBusy * 100)} % busy: the figures are bounded by it.\n` +
            'Run several at once on one stream, each with --stream, and add their rates.',
        ]),
    ...(rate !== 'max'
      ? []
      : ['At a rate of max, latencies are those of full buffers: --rate gives others.']),
    ...(isInterrupted ? [`Interrupted: ${formatDuration(measuredMs)} were measured.`] : []),
  ]
}

/** `5 s of warm-up, then 30 s` */
function timesOf({ durationMs, warmUpMs }: LoadPlan): string {
  const measured = formatDuration(durationMs)
  return warmUpMs === 0 ? measured : `${formatDuration(warmUpMs)} of warm-up, then ${measured}`
}

/** `ack 0.91/3.1`: p50 and p99 in milliseconds. */
function pairOf(name: string, latencies: LatencySummary | undefined): string {
  if (latencies === undefined) return ''
  return `${name} ${shortMs(latencies.p50)}/${shortMs(latencies.p99)} ms`
}

function shortMs(ms: number): string {
  return ms >= 100 ? formatCount(ms) : String(Number(ms.toPrecision(2)))
}

/** A table whose numbers stand at the right of their columns, from column `first` on: narrower than any screen, so nothing wraps. */
function numbers(head: readonly string[], rows: readonly (readonly string[])[], first = 1): string {
  const lines = [head, ...rows]
  const widths = head.map((_, at) => Math.max(...lines.map((row) => row[at]!.length)))
  return lines
    .map((row) => row.map((cell, at) => (at < first ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))))
    .map((cells) => cells.join('  '))
    .join('\n')
}
