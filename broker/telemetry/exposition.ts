// Merges the metrics of controller and hosts into one text for a scrape. Runs in the controller.
// Every value of a host carries the label `host`, so that hosts can be told apart.
import { Registry, type Metric } from 'prom-client'

/** A metric as prom-client gives it, after it was sent between processes. */
interface CollectedMetric {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly { readonly labels: Readonly<Record<string, string | number>> }[]
}

export interface HostCollection {
  readonly hostId: number
  readonly metrics: readonly object[]
}

/** Returns all metrics in Prometheus' text format. */
export function exposition(controller: readonly object[], hosts: readonly HostCollection[]): Promise<string> {
  const merged = new Map<string, CollectedMetric>()
  const take = (metric: CollectedMetric, labels: Readonly<Record<string, string>>): void => {
    const values = metric.values.map((value) => ({ ...value, labels: { ...labels, ...value.labels } }))
    const known = merged.get(metric.name)
    merged.set(
      metric.name,
      known ? { ...known, values: [...known.values, ...values] } : { ...metric, values },
    )
  }
  for (const metric of controller) take(metric as CollectedMetric, {})
  for (const { hostId, metrics } of hosts) {
    for (const metric of metrics) take(metric as CollectedMetric, { host: String(hostId) })
  }
  const registry = new Registry()
  for (const metric of merged.values()) {
    // A registry uses only `name` and `get` of a metric; prom-client's own AggregatorRegistry relies on that too.
    const collected = { name: metric.name, get: () => Promise.resolve(metric) }
    registry.registerMetric(collected as unknown as Metric<string>)
  }
  return registry.metrics()
}
