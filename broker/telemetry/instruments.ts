// The instruments of the table of metrics, typed by it. Runs in controller and host. Counting adds to a number;
// prom-client gets the sums only at a scrape, because the append path counts several times a turn, and prom-client would
// hash the labels each time.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { metrics, type Metric, type MetricName } from './metrics.ts'

type LabelValues<L extends readonly string[]> = { readonly [I in keyof L]: string }

/** The functions of an instrument, by kind. The value of the label comes last, where the table gives a label. */
interface Instrument<L extends readonly string[]> {
  counter: {
    add(amount: number, ...labels: LabelValues<L>): void
    /** Sets a total that is counted elsewhere. */
    advanceTo(total: number, ...labels: LabelValues<L>): void
  }
  gauge: {
    set(value: number, ...labels: LabelValues<L>): void
    add(amount: number, ...labels: LabelValues<L>): void
    /** Sets the values of these labels, and forgets all others: what they stood for is gone. */
    replace(values: Iterable<readonly [label: string, value: number]>): void
  }
  histogram: { observe(value: number, ...labels: LabelValues<L>): void }
}

/** What is counted and measured, by the names of the table: `metrics.millrace_sent_bytes_total.add(bytes)`. */
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
  add(amount: number, label?: string): void
  advanceTo(total: number, label?: string): void
  set(value: number, label?: string): void
  replace(values: Iterable<readonly [label: string, value: number]>): void
  observe(value: number, label?: string): void
}

function instrumentOf(name: string, metric: Metric, registers: Registry[]): Partial<LooseInstrument> {
  const common = { name, help: metric.help, labelNames: metric.labels, registers }
  const [labelName] = metric.labels
  const labelled = (label: string): Record<string, string> =>
    labelName === undefined ? {} : { [labelName]: label }
  if (metric.kind === 'histogram') {
    const histogram = new Histogram({ ...common, buckets: [...(metric.buckets ?? [])] })
    return { observe: (value, label = '') => histogram.observe(labelled(label), value) }
  }
  // The key is the value of the label; a metric without a label has one sum, under the empty string.
  const sums = new Map<string, { value: number }>()
  const sumOf = (label: string): { value: number } => {
    let sum = sums.get(label)
    if (sum === undefined) sums.set(label, (sum = { value: 0 }))
    return sum
  }
  // A metric without a label is 0 from the start, so that the first increment shows in a rate.
  if (labelName === undefined) sumOf('')
  const set = (value: number, label = ''): void => {
    sumOf(label).value = value
  }
  const add = (amount: number, label = ''): void => {
    sumOf(label).value += amount
  }
  if (metric.kind === 'gauge') {
    new Gauge({
      ...common,
      collect() {
        this.reset()
        for (const [label, { value }] of sums) this.set(labelled(label), value)
      },
    })
    const replace: LooseInstrument['replace'] = (values) => {
      sums.clear()
      for (const [label, value] of values) set(value, label)
    }
    return { set, add, replace }
  }
  new Counter({
    ...common,
    collect() {
      this.reset()
      for (const [label, { value }] of sums) this.inc(labelled(label), value)
    },
  })
  return { add, advanceTo: set }
}
