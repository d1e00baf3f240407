// Formats a report: one row per figure with its bar, its ratio to the machine's limits, and a verdict. Pure.
import Table from 'cli-table3'
import { type Figure, formatBar, formatValue, marginOf, type Report, verdictOf } from './figure.ts'
import { plotLatencies } from './plot.ts'

/** No colours, because reports are pasted into documents, and no lines between rows. */
const TABLE_STYLE = {
  style: { head: [], border: [] },
  chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
}

/** Formats figures, then latencies with their plot, then notes. */
export function renderReport(report: Report): string {
  const parts = [`\n${report.scenario}  ${describeSettings(report.settings)}`, renderFigures(report.figures)]
  if (report.latencies.length > 0) parts.push(renderLatencies(report), plotLatencies(report.latencies))
  for (const note of report.notes) parts.push(`  ${note}`)
  return parts.join('\n')
}

/** The end of a run's output: the number of bars met, and each bar missed. */
export function renderVerdicts(reports: readonly Report[]): string {
  const judged = reports.flatMap(({ scenario, figures }) => figures.map((figure) => ({ scenario, figure })))
  const withBar = judged.filter(({ figure }) => figure.bar !== undefined)
  const missed = withBar.filter(({ figure }) => verdictOf(figure) === 'miss')
  if (withBar.length === 0) return ''
  const lines = [`${withBar.length - missed.length} of ${withBar.length} bars met.`]
  for (const { scenario, figure } of missed)
    lines.push(`  missed: ${scenario}, ${figure.name}: ${describeVerdict(figure)}`)
  return lines.join('\n')
}

function renderFigures(figures: readonly Figure[]): string {
  const table = new Table({
    head: ['figure', 'value', 'bar', 'of the machine', ''],
    colAligns: ['left', 'right', 'left', 'left', 'left'],
    ...TABLE_STYLE,
  })
  for (const figure of figures) {
    table.push([
      figure.name,
      formatValue(figure.value, figure.unit),
      figure.bar ? formatBar(figure.bar, figure.unit) : '',
      (figure.ratios ?? [])
        .map(({ of, limit, ratio }) => `${formatRatio(ratio)} of ${of} (${formatValue(limit, figure.unit)})`)
        .join('\n'),
      describeVerdict(figure),
    ])
  }
  return table.toString()
}

function renderLatencies(report: Report): string {
  const table = new Table({
    head: ['latency', 'count', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
    ...TABLE_STYLE,
  })
  for (const { name, summary } of report.latencies) {
    const times = [summary.meanMs, summary.p50Ms, summary.p90Ms, summary.p99Ms, summary.p999Ms, summary.maxMs]
    table.push([name, summary.count.toLocaleString('en-US'), ...times.map((ms) => formatValue(ms, 'ms'))])
  }
  return table.toString()
}

function describeVerdict(figure: Figure): string {
  const verdict = verdictOf(figure)
  const margin = marginOf(figure)
  if (verdict === undefined) return ''
  if (margin === undefined) return verdict === 'pass' ? 'pass' : 'MISS'
  const percent = `${Math.abs(margin * 100).toFixed(0)} %`
  return verdict === 'pass' ? `pass, by ${percent}` : `MISS, by ${percent}`
}

function formatRatio(ratio: number): string {
  return ratio >= 2 ? `${ratio.toFixed(1)}×` : `${(ratio * 100).toFixed(0)} %`
}

function describeSettings(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(',') : String(value)}`)
    .join(' ')
}
