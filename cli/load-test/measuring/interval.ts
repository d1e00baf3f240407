// Measures a stretch of time and begins the next one: for the live line, and for the steps of a ramp. Pure but for the histograms.
import { Latencies } from './latencies.ts'
import type { LoadMoment } from './load-result.ts'

export type LatencyKind = 'ack' | 'e2e' | 'group'

export class Interval {
  readonly #latencies = { ack: new Latencies(), e2e: new Latencies(), group: new Latencies() }
  #acknowledged = 0
  #startedAt: number

  constructor(now: number) {
    this.#startedAt = now
  }

  /** Takes note of a record that was acknowledged or read. */
  record(kind: LatencyKind, ms: number): void {
    if (kind === 'ack') this.#acknowledged++
    this.#latencies[kind].record(ms)
  }

  elapsed(now: number): number {
    return now - this.#startedAt
  }

  /** Returns what there was, and begins anew. */
  roll(now: number): Omit<LoadMoment, 'errors' | 'lag'> {
    const seconds = Math.max(1, now - this.#startedAt) / 1000
    const { ack, e2e, group } = this.#latencies
    const moment = {
      recordsPerSecond: this.#acknowledged / seconds,
      ack: ack.summary(),
      e2e: e2e.summary(),
      group: group.summary(),
    }
    for (const latencies of [ack, e2e, group]) latencies.reset()
    this.#acknowledged = 0
    this.#startedAt = now
    return moment
  }
}
