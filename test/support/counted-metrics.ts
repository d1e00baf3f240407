// Instruments that tests read at once: every metric of the table, as its sums by the value of its label.
import type { Instruments } from '../../broker/telemetry/instruments.ts'
import { metrics, type MetricName } from '../../broker/telemetry/metrics.ts'

export class CountedMetrics {
  readonly instruments: Instruments
  readonly #sums = new Map<string, Map<string, number>>()

  /** Nothing is counted yet. */
  constructor() {
    const entries = Object.keys(metrics).map((name) => [name, this.#instrument(name)])
    this.instruments = Object.fromEntries(entries) as Instruments
  }

  /** What was counted, observed or set, by the value of the label; under the empty string where there is none. */
  sums(name: MetricName): Record<string, number> {
    return Object.fromEntries(this.#sums.get(name) ?? [])
  }

  /** One of the sums; 0 where nothing was counted. */
  sum(name: MetricName, label = ''): number {
    return this.#sums.get(name)?.get(label) ?? 0
  }

  #instrument(name: string) {
    const sums = new Map<string, number>()
    this.#sums.set(name, sums)
    const set = (value: number, label = ''): void => void sums.set(label, value)
    const add = (amount: number, label = ''): void => set((sums.get(label) ?? 0) + amount, label)
    const replace = (values: Iterable<readonly [string, number]>): void => {
      sums.clear()
      for (const [label, value] of values) set(value, label)
    }
    return { add, set, advanceTo: set, observe: add, replace }
  }
}
