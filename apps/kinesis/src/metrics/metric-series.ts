// The metrics that clients reported, as Prometheus reads them. Runs in the endpoint. Who reports chooses names and dimensions, so
// there are so many series and no more: the one that was reported least lately gives way to a new one.
import type { MetricDatum, MetricReport } from './metric-datum.ts'

interface Series extends Pick<MetricDatum, 'samples' | 'sum' | 'min' | 'max'> {
  readonly labels: string
}

/** Series that are kept. */
export const SERIES_MAX = 5_000

const families = [
  ['cloudwatch_samples_total', 'counter', 'Samples that clients reported by PutMetricData.', 'samples'],
  ['cloudwatch_sum', 'gauge', 'Sum of the values of these samples.', 'sum'],
  ['cloudwatch_min', 'gauge', 'Least value of the last report.', 'min'],
  ['cloudwatch_max', 'gauge', 'Greatest value of the last report.', 'max'],
] as const

export class MetricSeries {
  /** By their labels, the one reported least lately first. */
  readonly #series = new Map<string, Series>()
  #dropped = 0

  report({ namespace, data }: MetricReport): void {
    for (const datum of data) this.#add(labelsOf(namespace, datum), datum)
  }

  /** In the text format of Prometheus. */
  text(): string {
    const lines: string[] = []
    for (const [name, type, help, field] of families) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
      for (const series of this.#series.values()) lines.push(`${name}{${series.labels}} ${series[field]}`)
    }
    const dropped = 'cloudwatch_series_dropped_total'
    lines.push(
      `# HELP ${dropped} Series that gave way to others, because there are at most ${SERIES_MAX}.`,
      `# TYPE ${dropped} counter`,
      `${dropped} ${this.#dropped}`,
    )
    return `${lines.join('\n')}\n`
  }

  #add(labels: string, { samples, sum, min, max }: MetricDatum): void {
    const before = this.#series.get(labels)
    this.#series.delete(labels)
    this.#series.set(labels, {
      labels,
      samples: (before?.samples ?? 0) + samples,
      sum: (before?.sum ?? 0) + sum,
      min,
      max,
    })
    if (this.#series.size <= SERIES_MAX) return
    for (const oldest of this.#series.keys()) {
      this.#series.delete(oldest)
      this.#dropped++
      return
    }
  }
}

function labelsOf(namespace: string, { name, unit, dimensions }: MetricDatum): string {
  const labels: (readonly [string, string])[] = [
    ['namespace', namespace],
    ['metric', name],
    ['unit', unit],
  ]
  const used = new Set(labels.map(([label]) => label))
  for (const [dimension, value] of dimensions) {
    let label = `dimension_${dimension.replaceAll(/[^A-Za-z0-9_]/g, '_')}`
    // Two dimensions may differ in what no label can have.
    while (used.has(label)) label += '_'
    used.add(label)
    labels.push([label, value])
  }
  return labels.map(([label, value]) => `${label}="${escaped(value)}"`).join()
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
