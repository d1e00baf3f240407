// The instruments behind the table of metrics: typed by it, kept in a registry of their own. Runs in controller and host.
// Counting is an addition to a number in this process; prom-client sees the sums when somebody scrapes. The append path
// counts several times a turn, and would else pay for hashing labels every time.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { metrics, type Metric, type MetricName } from './metrics.ts'

type LabelValues<L extends readonly string[]> = { readonly [I in keyof L]: string }

/** What can be done with a metric of one kind. Labels are given by position, as the table lists them. */
interface Instrument<L extends readonly string[]> {
  counter: {
    add(amount: number, ...labels: LabelValues<L>): void
    /** For totals that are counted elsewhere. */
    advanceTo(total: number, ...labels: LabelValues<L>): void
  }
  gauge: {
    set(value: number, ...labels: LabelValues<L>): void
    add(amount: number, ...labels: LabelValues<L>): void
  }
  histogram: { observe(value: number, ...labels: LabelValues<L>): void }
}

export type Instruments = {
  readonly [N in MetricName]: Instrument<(typeof metrics)[N]['labels']>[(typeof metrics)[N]['kind']]
}

/** The metrics of one process, or of one part of it where several live in one. */
export interface Telemetry {
  readonly instruments: Instruments
  /** Everything as plain data, to be merged elsewhere. */
  collect(): Promise<readonly object[]>
}

/** Opens instruments for what this process gives. `withProcess` adds processor, memory and event-loop metrics. */
export function createTelemetry(from: 'controller' | 'host', options: { withProcess: boolean }): Telemetry {
  const registry = new Registry()
  if (options.withProcess) collectDefaultMetrics({ register: registry })
  const instruments = Object.fromEntries(
    Object.entries<Metric>(metrics).map(([name, metric]) => {
      const isOurs = metric.from === 'both' || metric.from === from
      return [name, instrumentOf(name, metric, isOurs ? [registry] : [])]
    }),
  )
  return {
    instruments: instruments as unknown as Instruments,
    collect: () => registry.getMetricsAsJSON(),
  }
}

interface LooseInstrument {
  add(amount: number, ...labels: readonly string[]): void
  advanceTo(total: number, ...labels: readonly string[]): void
  set(value: number, ...labels: readonly string[]): void
  observe(value: number, ...labels: readonly string[]): void
}

function instrumentOf(name: string, metric: Metric, registers: Registry[]): Partial<LooseInstrument> {
  const common = { name, help: metric.help, labelNames: metric.labels, registers }
  if (metric.kind === 'histogram') {
    const histogram = new Histogram({ ...common, buckets: [...(metric.buckets ?? [])] })
    return { observe: (value, ...labels) => histogram.observe(labelled(metric, labels), value) }
  }
  // By the label values, in one string: no label value holds the separator.
  const sums = new Map<string, { value: number; readonly labels: readonly string[] }>()
  const sumOf = (labels: readonly string[]): { value: number } => {
    const key = labels.length === 1 ? (labels[0] ?? '') : labels.join('\n')
    let sum = sums.get(key)
    if (sum === undefined) sums.set(key, (sum = { value: 0, labels }))
    return sum
  }
  // A metric without labels is 0 from the start, so that a rate over it has a beginning.
  if (metric.labels.length === 0) sumOf([])
  const set = (value: number, ...labels: readonly string[]): void => {
    sumOf(labels).value = value
  }
  const add = (amount: number, ...labels: readonly string[]): void => {
    sumOf(labels).value += amount
  }
  if (metric.kind === 'gauge') {
    new Gauge({
      ...common,
      collect() {
        for (const { value, labels } of sums.values()) this.set(labelled(metric, labels), value)
      },
    })
    return { set, add }
  }
  new Counter({
    ...common,
    collect() {
      this.reset()
      for (const { value, labels } of sums.values()) this.inc(labelled(metric, labels), value)
    },
  })
  return { add, advanceTo: set }
}

function labelled(metric: Metric, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(metric.labels.map((label, index) => [label, values[index] ?? '']))
}
