// The instruments of the table of metrics, typed by it. Runs in controller and host. Counting adds to a number;
// prom-client gets the sums only at a scrape, because the append path counts several times a turn, and prom-client would
// hash the labels each time.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { metrics, type Metric, type MetricName } from './metrics.ts'

type LabelValues<L extends readonly string[]> = { readonly [I in keyof L]: string }

/** The functions of an instrument, by kind. Label values are given by position, in the order of the table. */
interface Instrument<L extends readonly string[]> {
  counter: {
    add(amount: number, ...labels: LabelValues<L>): void
    /** Sets a total that is counted elsewhere. */
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

/** The metrics of one process, or of one part of a process that holds controller and hosts. */
export interface Telemetry {
  readonly instruments: Instruments
  /** Returns all metrics as plain data, for `exposition`. */
  collect(): Promise<readonly object[]>
}

/** Makes the instruments of controller or host. `withProcess` adds processor, memory and event-loop metrics. */
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
  // The key is all label values, joined by a line feed, which no label value contains.
  const sums = new Map<string, { value: number; readonly labels: readonly string[] }>()
  const sumOf = (labels: readonly string[]): { value: number } => {
    const key = labels.length === 1 ? (labels[0] ?? '') : labels.join('\n')
    let sum = sums.get(key)
    if (sum === undefined) sums.set(key, (sum = { value: 0, labels }))
    return sum
  }
  // A metric without labels is 0 from the start, so that the first increment shows in a rate.
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
