// What a mapping has done since it began here, and how its last call came out. Runs in the app. The names are those of Lambda's metrics.

import type { EventSourceCounters } from 'millrace/protocol'

export class MappingMeter {
  readonly #counters = { polled: 0, filteredOut: 0, invoked: 0, failedInvoke: 0, dropped: 0 }
  #iteratorAgeMs: number | undefined
  #lastResult = 'No records processed'

  /** Lambda's words for how the last call came out. */
  get lastResult(): string {
    return this.#lastResult
  }

  get counters(): Omit<EventSourceCounters, 'at'> {
    const { polled, filteredOut, invoked, failedInvoke, dropped } = this.#counters
    return {
      polledEventCount: polled,
      filteredOutEventCount: filteredOut,
      invokedEventCount: invoked,
      failedInvokeEventCount: failedInvoke,
      droppedEventCount: dropped,
      ...(this.#iteratorAgeMs !== undefined && { iteratorAgeMs: this.#iteratorAgeMs }),
    }
  }

  polled(records: number, filteredOut: number): void {
    this.#counters.polled += records
    this.#counters.filteredOut += filteredOut
  }

  called(isOk: boolean, records: number, ageMs: number | undefined): void {
    this.#counters.invoked += records
    if (!isOk) this.#counters.failedInvoke += records
    this.#lastResult = isOk ? 'OK' : 'PROBLEM: Function call failed'
    this.#iteratorAgeMs = ageMs ?? this.#iteratorAgeMs
  }

  gaveUp(records: number): void {
    this.#counters.dropped += records
  }
}
