// Records latencies in an HDR histogram: microsecond steps, three significant digits, up to one minute. Load processes
// record; the bench's main process merges and reports. Histograms are sent between them as text.
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js'

const US_PER_MS = 1000
const LATENCY_US_MAX = 60_000 * US_PER_MS

/** A histogram as text, as it is sent between processes. */
export type HistogramText = string & { readonly histogramText: true }

/** The percentiles of reports, and a curve with more of them. */
export interface LatencySummary {
  readonly count: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
  /** Percentile (0 to 100) against milliseconds, evenly spaced in nines: for plots. */
  readonly curve: readonly { readonly percentile: number; readonly ms: number }[]
}

export class LatencyRecorder {
  readonly #histogram: Histogram

  constructor(histogram: Histogram = newHistogram()) {
    this.#histogram = histogram
  }

  get count(): number {
    return this.#histogram.totalCount
  }

  /** Records a latency. Values above a minute count as a minute; none is dropped. */
  record(ms: number): void {
    this.#histogram.recordValue(Math.min(LATENCY_US_MAX, Math.max(1, Math.round(ms * US_PER_MS))))
  }

  reset(): void {
    this.#histogram.reset()
  }

  toText(): HistogramText {
    return encodeIntoCompressedBase64(this.#histogram) as HistogramText
  }

  summary(): LatencySummary {
    return summarize(this.#histogram)
  }
}

/** Merges the recordings of several processes into one summary. */
export function mergeLatencies(texts: readonly HistogramText[]): LatencySummary {
  const all = newHistogram()
  for (const text of texts) all.add(decodeFromCompressedBase64(text))
  return summarize(all)
}

function newHistogram(): Histogram {
  return build({
    bitBucketSize: 32,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: 3,
  })
}

const CURVE_STEPS_PER_NINE = 12
const CURVE_NINES = 4

function summarize(histogram: Histogram): LatencySummary {
  const at = (percentile: number) => histogram.getValueAtPercentile(percentile) / US_PER_MS
  const curve: { percentile: number; ms: number }[] = []
  for (let step = 0; step <= CURVE_STEPS_PER_NINE * CURVE_NINES; step++) {
    const percentile = 100 * (1 - 10 ** (-step / CURVE_STEPS_PER_NINE))
    // Higher percentiles rest on less than one value and only repeat the maximum, so the curve ends here.
    if (histogram.totalCount * (1 - percentile / 100) < 1) break
    curve.push({ percentile, ms: at(percentile) })
  }
  return {
    count: histogram.totalCount,
    meanMs: histogram.mean / US_PER_MS,
    p50Ms: at(50),
    p90Ms: at(90),
    p99Ms: at(99),
    p999Ms: at(99.9),
    maxMs: at(100),
    curve,
  }
}
