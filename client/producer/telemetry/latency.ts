// How long batches took, as counts of spans that grow by a quarter of a doubling each: a summary for the price of one
// addition. Runs in the client, pure.

const SPANS_A_DOUBLING = 4
/** The first span ends here. */
const LEAST_MS = 1 / 16
/** Up to 2^26 times the least, which is above an hour; the last one has all that took longer. */
const SPANS = 26 * SPANS_A_DOUBLING + 2

/** A summary of durations in milliseconds. Percentiles are the upper ends of spans: at most a fifth too high. */
export interface LatencySummary {
  /** Durations measured. */
  readonly count: number
  /** Mean; 0 if there is none. */
  readonly mean: number
  /** Half of them took no longer. */
  readonly p50: number
  /** 99 of 100 took no longer. */
  readonly p99: number
  /** The longest one. */
  readonly max: number
}

export class Latency {
  readonly #spans = new Float64Array(SPANS)
  #count = 0
  #sum = 0
  #max = 0

  add(ms: number): void {
    const doublings = Math.log2(ms / LEAST_MS)
    const span = Math.ceil(doublings * SPANS_A_DOUBLING)
    this.#spans[span > 0 ? Math.min(span, SPANS - 1) : 0]!++
    this.#count++
    this.#sum += ms
    if (ms > this.#max) this.#max = ms
  }

  summary(): LatencySummary {
    const count = this.#count
    const mean = count === 0 ? 0 : this.#sum / count
    return { count, mean, p50: this.#percentile(0.5), p99: this.#percentile(0.99), max: this.#max }
  }

  #percentile(part: number): number {
    if (this.#count === 0) return 0
    let left = Math.ceil(this.#count * part)
    const span = this.#spans.findIndex((count) => (left -= count) <= 0)
    return span === SPANS - 1 ? this.#max : Math.min(this.#max, LEAST_MS * 2 ** (span / SPANS_A_DOUBLING))
  }
}
