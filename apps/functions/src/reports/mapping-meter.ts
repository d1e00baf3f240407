// What a mapping has done since it began here, and how its last call came out. Runs in the app. The names are those of Lambda's metrics.
import type { EventSourceCopy, EventSourceCounters } from 'millrace/protocol'

/** Before the first call. */
export const NOTHING_PROCESSED = 'No records processed'

export class MappingMeter {
  readonly #counters = { polled: 0, filteredOut: 0, invoked: 0, failedInvoke: 0, dropped: 0 }
  #iteratorAgeMs: number | undefined
  #last: Pick<EventSourceCopy, 'lastResult' | 'calledAt'> = { lastResult: NOTHING_PROCESSED }

  /** Lambda's words for how the last call came out, and when that was. */
  get last(): Pick<EventSourceCopy, 'lastResult' | 'calledAt'> {
    return this.#last
  }

  get counters(): EventSourceCounters {
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

  /** A call with so many records has ended, the last of which arrived then; undefined: it had none. */
  called(call: {
    readonly isOk: boolean
    readonly records: number
    readonly lastArrivedAt: number | undefined
    readonly now: number
  }): void {
    const { isOk, records, lastArrivedAt, now } = call
    this.#counters.invoked += records
    if (!isOk) this.#counters.failedInvoke += records
    this.#last = { lastResult: isOk ? 'OK' : 'PROBLEM: Function call failed', calledAt: now }
    if (lastArrivedAt !== undefined) this.#iteratorAgeMs = now - lastArrivedAt
  }

  gaveUp(records: number): void {
    this.#counters.dropped += records
  }
}
