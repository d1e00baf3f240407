// Records latencies in an HDR histogram of Node: microsecond steps, three significant digits, up to an hour.
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

const US_PER_MS = 1000
const LATENCY_US_MAX = 3_600_000 * US_PER_MS

export const percentiles = { p50: 50, p90: 90, p99: 99, 'p99.9': 99.9 } as const

/** In milliseconds. */
export type LatencySummary = { readonly count: number; readonly mean: number; readonly max: number } & {
  readonly [P in keyof typeof percentiles]: number
}

export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: LATENCY_US_MAX,
    figures: 3,
  })

  /** Records a latency. More than an hour counts as an hour; none is dropped. */
  record(ms: number): void {
    this.#histogram.record(Math.min(LATENCY_US_MAX, Math.max(1, Math.round(ms * US_PER_MS))))
  }

  reset(): void {
    this.#histogram.reset()
  }

  /** Undefined if nothing was recorded. */
  summary(): LatencySummary | undefined {
    const histogram = this.#histogram
    if (histogram.count === 0) return undefined
    const at = (percentile: number) => histogram.percentile(percentile) / US_PER_MS
    return {
      count: histogram.count,
      mean: histogram.mean / US_PER_MS,
      p50: at(percentiles.p50),
      p90: at(percentiles.p90),
      p99: at(percentiles.p99),
      'p99.9': at(percentiles['p99.9']),
      max: histogram.max / US_PER_MS,
    }
  }
}
